#pragma once

#include "compile/host_facts.h"
#include "guests/guests.h"

namespace stead::guests {

/// What this machine is like, measured as it is asked for. With `claim` the ids it hands out are
/// taken and remembered (a start); without, it only says which they would be (check, explain).
compile::HostFacts host_facts(const Paths& paths, bool claim);

} // namespace stead::guests
