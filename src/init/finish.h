#pragma once

#include "init/supervisor.h"

namespace stead::init {

/// Whether this is the first process of a machine, not only of a pid namespace: then the kernel's
/// own second process, kthreadd, is there as a child of nobody.
bool owns_machine(const Supervisor& self);

/// After the loop: tells the keeper, cleans up, and ends the machine where it is ours. Returns the
/// exit code.
int finish(Supervisor& self);

} // namespace stead::init
