#pragma once

#include <cstdint>
#include <vector>

#include "compile/filter.h"

namespace stead::compile {

/// The filters of service_policy(), init_policy(), jail_policy(0) and jail_init_policy(), made when
/// Stead was built.
std::vector<std::uint64_t> default_service_filter();
std::vector<std::uint64_t> default_init_filter();
std::vector<std::uint64_t> default_jail_filter();
std::vector<std::uint64_t> default_jail_init_filter();

/// Those policies themselves, equal to what the functions of filter.h compute, without the hundreds
/// of look-ups by name that computing them takes.
CallPolicy default_service_policy();
CallPolicy default_init_policy();
CallPolicy default_jail_policy(std::uint64_t capabilities);
CallPolicy default_jail_init_policy();

} // namespace stead::compile
