#include "recipe/address.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace stead::recipe {

namespace {

struct Range {
    bool v6;
    std::array<std::uint8_t, 2> head;
    std::uint8_t prefix;
    const char* what;
};

constexpr std::array kUnusable{
    Range{false, {0, 0}, 8, "means this network"},
    Range{false, {127, 0}, 8, "is a loopback address, which every guest has of its own"},
    Range{false, {224, 0}, 4, "is a multicast address"},
    Range{false, {240, 0}, 4, "is reserved"},
    Range{true, {0xff, 0}, 8, "is a multicast address"},
    Range{true, {0xfe, 0x80}, 10, "is a link-local address, which every interface has by itself"},
};

constexpr std::array kPrivate{
    Range{false, {10, 0}, 8, ""},      Range{false, {172, 16}, 12, ""},
    Range{false, {192, 168}, 16, ""},  Range{false, {100, 64}, 10, ""},
    Range{false, {169, 254}, 16, ""},  Range{true, {0xfc, 0}, 7, ""},
    Range{true, {0xfe, 0x80}, 10, ""},
};

Address network_of(const Range& range) {
    Address network;
    network.v6 = range.v6;
    network.bytes[0] = range.head[0];
    network.bytes[1] = range.head[1];
    network.prefix = range.prefix;
    return network;
}

} // namespace

bool same_address(const Address& one, const Address& other) {
    return one.v6 == other.v6 &&
           std::equal(one.bytes.begin(), one.bytes.begin() + static_cast<long>(one.size()),
                      other.bytes.begin());
}

bool contains(const Address& network, const Address& address) {
    if (network.v6 != address.v6) return false;
    for (std::size_t bit = 0; bit < network.prefix; ++bit) {
        const unsigned mask = 0x80U >> (bit % 8);
        if (((network.bytes[bit / 8] ^ address.bytes[bit / 8]) & mask) != 0) return false;
    }
    return true;
}

std::optional<Address> parse_address(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string host(text.substr(0, slash));
    Address address;
    address.v6 = host.find(':') != std::string::npos;
    // inet_pton(3) stops at a zero byte, which a text of TOML may hold.
    if (host.find('\0') != std::string::npos) return std::nullopt;
    if (::inet_pton(address.v6 ? AF_INET6 : AF_INET, host.c_str(), address.bytes.data()) != 1)
        return std::nullopt;
    address.prefix = address.bits();
    if (slash == std::string_view::npos) return address;
    const std::string_view digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size();
    if (!whole || prefix == 0 || prefix > address.bits() || digits.front() == '0')
        return std::nullopt;
    address.prefix = static_cast<std::uint8_t>(prefix);
    return address;
}

std::string address_text(const Address& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
    return text.data();
}

std::string network_text(const Address& address) {
    return address_text(address) + "/" + std::to_string(address.prefix);
}

std::string unusable(const Address& address) {
    for (const Range& range : kUnusable) {
        if (contains(network_of(range), address)) return range.what;
    }
    if (!address.v6) {
        // The first and the last address of a network mean the network and everybody in it.
        if (address.prefix > 30) return {};
        std::uint32_t host = 0;
        for (std::size_t i = 0; i < 4; ++i)
            host = host << 8U | address.bytes[i];
        const std::uint32_t mask = UINT32_MAX >> address.prefix;
        if ((host & mask) == 0) return "is the network itself, not an address in it";
        if ((host & mask) == mask) return "is the broadcast address of its network";
        return {};
    }
    const auto zeros = std::all_of(address.bytes.begin(), address.bytes.end() - 1,
                                   [](std::uint8_t byte) { return byte == 0; });
    if (zeros && address.bytes[15] <= 1)
        return address.bytes[15] == 0 ? "means every address"
                                      : "is a loopback address, which every guest has of its own";
    const auto mapped = std::all_of(address.bytes.begin(), address.bytes.begin() + 10,
                                    [](std::uint8_t byte) { return byte == 0; });
    if (mapped && address.bytes[10] == 0xff && address.bytes[11] == 0xff)
        return "is an IPv4 address in the dress of IPv6; write it as one";
    return {};
}

bool is_private(const Address& address) {
    return std::any_of(kPrivate.begin(), kPrivate.end(),
                       [&](const Range& range) { return contains(network_of(range), address); });
}

} // namespace stead::recipe
