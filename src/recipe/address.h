#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stead::recipe {

/// An address of IPv4 or IPv6 with the length of its network's prefix.
struct Address {
    bool v6 = false;
    /// In the order of the network; IPv4 uses the first four.
    std::array<std::uint8_t, 16> bytes{};
    /// All bits: the address alone.
    std::uint8_t prefix = 32;

    [[nodiscard]] std::size_t size() const { return v6 ? 16 : 4; }

    [[nodiscard]] std::uint8_t bits() const { return v6 ? 128 : 32; }
};

/// The same address, whatever the prefixes.
bool same_address(const Address& one, const Address& other);
/// Whether `address` lies in the network of `network`.
bool contains(const Address& network, const Address& address);

/// "10.7.0.10", "10.7.0.10/24", "fd00:7::10/64": nothing for anything else, such as an address with
/// leading zeros, a zone, or a prefix of more bits than there are.
std::optional<Address> parse_address(std::string_view text);

/// Without its prefix.
std::string address_text(const Address& address);
/// With it.
std::string network_text(const Address& address);

/// Why no guest can have this address, as a clause ("is a multicast address"); empty if it can.
std::string unusable(const Address& address);

/// An address that means nothing outside a private network: those of RFC 1918, RFC 6598, RFC 4193,
/// and link-local ones.
bool is_private(const Address& address);

} // namespace stead::recipe
