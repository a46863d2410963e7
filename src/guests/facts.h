#pragma once

#include <optional>
#include <string>

#include "compile/host_facts.h"
#include "guests/guests.h"

namespace stead::guests {

/// What this machine is like, measured as it is asked for. With `claim` the ids it hands out are
/// taken and remembered (a start); without, it only says which they would be (check, explain).
/// `cgroup2` is what find_cgroup2 said, for who has asked already.
compile::HostFacts host_facts(const Paths& paths, bool claim);
compile::HostFacts
host_facts(const Paths& paths, bool claim, const std::optional<std::string>& cgroup2);

} // namespace stead::guests
