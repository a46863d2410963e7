#pragma once

#include "init/supervisor.h"

namespace stead::init {

/// After the loop: tells the keeper, cleans up, and ends the machine where it is ours. Returns the
/// exit code.
int finish(Supervisor& self);

} // namespace stead::init
