#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "network/network.h"

/// The rules of all guests together, put in place in one transaction of the kernel. Usually only
/// what one guest changes of the sets is: the hundredth guest's start costs what the first one's
/// does. Wherever that may not be enough, because a command was killed, the tables are gone or
/// Stead is another version, all are made anew as a whole: whatever was left, the rules are then
/// those of the guests that are there.
///
/// They are written in nft's own language and handed to the `nft` program: what golden texts of the
/// tests show is what `nft list table inet stead` shows, Debian has no static libnftables, and JSON
/// would say the same less readably.
namespace stead::network {

/// The table's name of one Stead; `instance` as in interface_name().
std::string table_name(std::string_view instance);

/// A script for nft that replaces the tables of one Stead by the rules of these guests, or removes
/// them if there are none. The number of rules does not grow with the guests, only their sets do.
/// `had_bridge`: there may be rules of bridges from before. (They are named only where they are
/// needed: many a kernel has none, and that is no routed guest's business.)
std::string
render_rules(std::span<const Attachment> guests, std::string_view instance, bool had_bridge);
/// What the sets hold for these guests, a line each, below a line that stands for everything else
/// in the tables: to be kept for render_changes().
std::string list_elements(std::span<const Attachment> guests, std::string_view instance);
/// A script for nft that makes the rules of `before` those of `after`, two lists of the above.
/// Nothing if they differ in more than elements, or in nothing.
std::optional<std::string>
render_changes(std::string_view before, std::string_view after, std::string_view instance);
/// Whether they need rules of bridges.
bool needs_bridge(std::span<const Attachment> guests);

/// The rules that a macvlan guest gets in its own network namespace, where it cannot change them:
/// nothing of the host sees its packets.
std::string render_inside(const Attachment& guest);

/// Whether this process may make rules, and has the program to.
Result<void> check_means();

/// Runs nft on the script in the caller's network namespace. nft holds `lock` too (a flock; -1 for
/// none): if the caller is killed, the next holder comes after what nft still does, not before.
Result<void> apply_rules(const std::string& script, int lock);

} // namespace stead::network
