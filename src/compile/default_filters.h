#pragma once

#include <cstdint>
#include <vector>

namespace stead::compile {

/// The filters of service_policy(), init_policy(), jail_policy(0) and jail_init_policy(), made when
/// Stead was built.
std::vector<std::uint64_t> default_service_filter();
std::vector<std::uint64_t> default_init_filter();
std::vector<std::uint64_t> default_jail_filter();
std::vector<std::uint64_t> default_jail_init_filter();

} // namespace stead::compile
