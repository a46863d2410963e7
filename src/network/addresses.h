#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "network/netlink.h"
#include "network/network.h"

/// Which addresses and ports a guest can have: what it asks for is compared with what the host and
/// the other guests have, and what it leaves open is chosen.
namespace stead::network {

/// The host's own network at one moment.
struct HostNetwork {
    std::vector<recipe::Address> addresses;
    std::vector<Route> routes;
    bool has_v6 = true;
};

Result<HostNetwork> look_at_host();

/// The networks that addresses are chosen from: 10.209.0.0/16 and fd53:7465:6164::/64, the same
/// number in both.
inline constexpr std::uint32_t kNumbers = 65536;
std::vector<recipe::Address> numbered(std::uint32_t number, bool with_v6);

/// A number for the guest: the one its name hashes to, or the next that is neither taken nor in a
/// network that the host reaches otherwise. Nothing when none is left.
std::optional<std::uint32_t> choose_number(std::string_view guest,
                                           const HostNetwork& host,
                                           const std::function<bool(std::uint32_t)>& taken);

/// Compares with the host and with the other guests.
Result<void>
check_wishes(const Attachment& guest, const HostNetwork& host, std::span<const Attachment> others);

/// Whether the bridge or parent interface is there, and is one.
Result<void> check_parent(const recipe::Network& network);

/// Whether nobody listens on the host's ports that are to lead into the guest.
Result<void> check_ports(const recipe::Network& network);

} // namespace stead::network
