#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "compile/report.h"
#include "recipe/recipe.h"
#include "unitfile/specs.h"

namespace stead::compile {

/// The number of "NET_RAW", "CAP_NET_RAW" or "net_raw", as libcap knows it.
std::optional<unsigned> find_capability(std::string_view name);
/// "NET_RAW".
std::string capability_name(unsigned capability);
/// "CHOWN, KILL" of a mask; "none" of an empty one.
std::string capability_names(std::uint64_t mask);

constexpr std::uint64_t capability_mask(std::initializer_list<unsigned> capabilities) {
    std::uint64_t mask = 0;
    for (const unsigned capability : capabilities)
        mask |= std::uint64_t{1} << capability;
    return mask;
}

/// What a guest's root holds by default; an own network adds NET_RAW, a jail has none.
std::uint64_t default_capabilities(unitfile::ProfileKind profile, recipe::NetworkMode network);

/// What a list means on top of `inherited` ("..."); a list that was not written is just that.
/// Unknown names are reported with the nearest one.
std::uint64_t
resolve_capabilities(const unitfile::ListSpec& list, std::uint64_t inherited, Report& report);

/// The item of `list` that names `capability`, for a message about it; the list itself if none
/// does.
unitfile::Place place_of_capability(const unitfile::ListSpec& list, unsigned capability);

} // namespace stead::compile
