#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "guests/guests.h"
#include "recipe/recipe.h"

/// Numbers of the host that guests are given: a range of user ids for each guest with private
/// users, remembered in /var/lib/stead/ids so that its files keep their owner, and single ids for
/// jails while they run. For this folder's own use.
namespace stead::guests {

/// Ranges are 65536 ids long and lie where neither useradd(8) nor systemd puts anyone by itself.
inline constexpr std::uint32_t kRangeSize = 65536;
inline constexpr std::uint32_t kFirstRange = 0x70000000;
inline constexpr std::uint32_t kLastRange = 0x7ffe0000;

/// The range of `guest`: the one it had, else a free one, which is written down. It overlaps no
/// range of /etc/subuid or /etc/subgid and no user or group of the host. ENOSPC when none is left.
Result<recipe::IdRange> range_of(const Paths& paths, std::string_view guest);
/// The same without writing anything down: what the guest would get now.
Result<recipe::IdRange> preview_range(const Paths& paths, std::string_view guest);

/// Gives the range of one guest to another name, or (`forget_range`) to nobody. A guest that has
/// none is passed over.
Result<void> rename_range(const Paths& paths, std::string_view from, std::string_view to);
Result<void> forget_range(const Paths& paths, std::string_view guest);

/// The ids of dynamic users (systemd uses the same, and looks here before it takes one: they never
/// own a file outside the unit's own folders).
inline constexpr std::uint32_t kFirstDynamic = 61184;
inline constexpr std::uint32_t kLastDynamic = 65519;

/// Claims an id for `unit` of `guest` until `release_dynamic`. It depends on the two names, so that
/// a jail usually gets the ids it had, and is a link /run/stead/uids/UID with the text
/// "GUEST/UNIT".
Result<std::uint32_t>
claim_dynamic(const Paths& paths, std::string_view guest, std::string_view unit);
/// The link of a claim.
std::string claim_path(const Paths& paths, std::uint32_t uid);
/// The first id that `claim_dynamic` would try.
std::uint32_t preview_dynamic(std::string_view guest, std::string_view unit);
/// Gives back every id of `guest`.
void release_dynamic(const Paths& paths, std::string_view guest);

/// The line format of /etc/subuid: "NAME:FIRST:COUNT"; nothing for any other line. For tests too.
std::optional<recipe::IdRange> parse_subordinate(std::string_view line);

} // namespace stead::guests
