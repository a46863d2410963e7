#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

/// Guests of ordinary users. Who is not root starts a guest from a user namespace of the launcher's
/// own, in which it is root: everything below is then the same as for root of the host, minus what
/// that namespace gives no power over. No set-uid program of Stead's is involved; ids beside the
/// user's own come from newuidmap(1) and newgidmap(1), where the administrator has given the user
/// a range in /etc/subuid and /etc/subgid (user_namespaces(7), subuid(5)).
namespace stead::guests {

/// So many ids are mapped beside the user's own, which is 0 inside.
inline constexpr std::uint32_t kSubordinateIds = 65536;

/// How many ids, from 0, the guests of this process have in their user namespace: 1, or 1 +
/// kSubordinateIds. Before `enter_own_users`, what it would give. Nothing for root of the host.
std::optional<std::uint32_t> rootless_ids();

/// One range of a subuid(5) file for the user `name` or `uid`: the first with room for
/// kSubordinateIds. Lines that are no ranges are passed over.
std::optional<std::uint32_t>
subordinate_range(std::string_view text, std::string_view name, std::uint32_t uid);

/// How many ids from 0 a user namespace has whose uid_map or gid_map reads `text`
/// (user_namespaces(7)); 0: all of them, or no text.
std::uint32_t mapped_ids(std::string_view text);
/// The same for this process: the fewer of both kinds.
std::uint32_t own_mapped_ids();

/// Makes this process root of a new user namespace, with a mount namespace that still follows the
/// host's, and tells the programs it will execute through the environment. With `range`, ids of
/// /etc/subuid are mapped if the user has some. The process has one thread.
/// EPERM, ENOSPC, EUSERS: the machine gives its users no user namespaces.
Result<void> enter_own_users(bool range);

} // namespace stead::guests
