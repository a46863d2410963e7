#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "recipe/recipe.h"

/// Networks of guests with a stack of their own, seen from the host: interfaces, addresses and
/// routes by netlink, rules by nft. Everything is set from outside, no agent runs in a guest, and
/// nothing of the host is changed but what carries Stead's name: interfaces `st-...`, one nft table
/// per family, routes to guests, and the switch that lets the kernel forward. This folder keeps no
/// state and knows no guest: it is told who is there.
namespace stead::network {

/// What one guest has, as its record in /run/stead keeps it.
struct Attachment {
    std::string guest;
    /// The outer end in the host's network; empty with a macvlan, which has none.
    std::string interface;
    /// With the addresses that it really has.
    recipe::Network network;

    [[nodiscard]] bool has_family(bool v6) const;
};

/// The name of the guest's interface inside.
inline constexpr const char* kInside = "eth0";
/// What the names of outer ends begin with.
inline constexpr std::string_view kPrefix = "st-";

/// The name of the outer end: "st-web", shortened with a hash where the guest's name is long.
/// `instance` tells a Stead with other folders apart; empty for the usual one.
std::string interface_name(std::string_view guest, std::string_view instance);
/// 02:... from the guest's name, so that a restarted guest is found again by its neighbours.
std::string hardware_address(std::string_view guest, std::string_view instance);

/// The host's end of a routed guest for one family, in whose words the guest says "the way out".
recipe::Address host_end(const recipe::Network& network, bool v6);

/// Whether the address leaves the host under the host's own, and is out of reach from outside but
/// by `ports`.
bool is_hidden(const recipe::Network& network, const recipe::Address& address);

/// As a JSON text and back; nothing for what no record of this version is.
std::string write_attachment(const Attachment& attachment);
std::optional<Attachment> read_attachment(std::string_view text);
/// Many of them in one text that is quick to read; nothing if one has a text that does not fit in.
std::optional<std::string> write_attachments(std::span<const Attachment> attachments);
/// Nothing if one of them is no record of this version.
std::optional<std::vector<Attachment>> read_attachments(std::string_view text);

/// Makes the guest's interface: its outer end in this network namespace, its inner end, addresses
/// and routes in the one of `network_namespace`. The rules must be there before. On failure the
/// outer end is gone again.
Result<void>
connect(const Attachment& attachment, std::string_view instance, int network_namespace);

/// Removes an outer end, and the inner one with it; no error if there is none.
Result<void> disconnect(const std::string& interface);

} // namespace stead::network
