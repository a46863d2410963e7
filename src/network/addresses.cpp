#include "network/addresses.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include <netinet/in.h>

#include "sys/file.h"
#include "sys/unique_fd.h"

namespace stead::network {

namespace {

using recipe::Address;
using recipe::Forward;

std::string with_origin(const std::string& origin, const std::string& text) {
    return origin.empty() ? text : origin + ": " + text;
}

bool has_address(const recipe::Network& network, const Address& address) {
    return std::any_of(network.addresses.begin(), network.addresses.end(),
                       [&](const Address& one) { return recipe::same_address(one, address); });
}

bool same_place(const Forward& one, const Forward& other) {
    return one.protocol == other.protocol && one.outside == other.outside &&
           (!one.at || !other.at || recipe::same_address(*one.at, *other.at));
}

/// Whether the host reaches the address by a way that is none of Stead's.
bool is_reached(const HostNetwork& host, const Address& address) {
    return std::any_of(host.routes.begin(), host.routes.end(), [&](const Route& route) {
        return route.to && !route.interface.starts_with(kPrefix) &&
               recipe::contains(*route.to, address);
    });
}

/// Binds and lets go again.
Result<void> try_port(const Forward& port, bool v6) {
    const bool udp = port.protocol == recipe::Listen::Protocol::Udp;
    const int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;
    const sys::UniqueFd socket(::socket(v6 ? AF_INET6 : AF_INET, type, 0));
    if (!socket) return {}; // A family that the host lacks has no ports.
    const int yes = 1;
    // Connections that have just ended are nobody's.
    if (!udp) (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    int code = 0;
    if (v6) {
        (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
        sockaddr_in6 place{};
        place.sin6_family = AF_INET6;
        place.sin6_port = htons(port.outside);
        if (port.at) std::memcpy(&place.sin6_addr, port.at->bytes.data(), port.at->size());
        code = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&place), sizeof(place));
    } else {
        sockaddr_in place{};
        place.sin_family = AF_INET;
        place.sin_port = htons(port.outside);
        if (port.at) std::memcpy(&place.sin_addr, port.at->bytes.data(), port.at->size());
        code = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&place), sizeof(place));
    }
    if (code == 0) return {};
    const std::string subject = with_origin(port.origin, port.text);
    if (errno == EADDRNOTAVAIL)
        return make_error("network.ports names an address that the host does not have; use one of "
                          "its own, or none for each:",
                          subject, 0);
    if (errno == EADDRINUSE)
        return make_error("network.ports: a program of the host uses this port; choose another, or "
                          "stop that program:",
                          subject, 0);
    return {}; // Others (EACCES of a policy) say nothing about who uses it.
}

Result<void> check_gateway(const Attachment& guest,
                           const HostNetwork& host,
                           std::span<const Attachment> others) {
    const recipe::Network& network = guest.network;
    if (network.link != recipe::Link::Routed) return {};
    for (const Address& gateway : network.gateways) {
        const std::string subject =
            with_origin(network.gateway_origin, recipe::address_text(gateway));
        for (const Route& route : host.routes) {
            if (route.gateway && recipe::same_address(*route.gateway, gateway) &&
                !route.interface.starts_with(kPrefix))
                return make_error("network.gateway is a router of the host's; the way out of a "
                                  "routed guest is the host itself: leave it out, or write "
                                  "link = \"bridge:NAME\":",
                                  subject, 0);
        }
        for (const Attachment& other : others) {
            if (has_address(other.network, gateway))
                return make_error("network.gateway is an address of another guest:",
                                  subject + " ('" + other.guest + "')", 0);
        }
    }
    return {};
}

} // namespace

Result<HostNetwork> look_at_host() {
    Netlink netlink = TRY(Netlink::open());
    HostNetwork host;
    host.addresses = TRY(netlink.addresses());
    host.routes = TRY(netlink.routes());
    // Not in /proc/sys, where the kernel looks through the folders of all namespaces.
    host.has_v6 = sys::status_at(AT_FDCWD, "/proc/thread-self/net/if_inet6", 0).has_value();
    return host;
}

std::vector<Address> numbered(std::uint32_t number, bool with_v6) {
    std::vector<Address> list;
    for (const bool v6 : {false, true}) {
        if (v6 && !with_v6) continue;
        Address address = *recipe::parse_address(v6 ? "fd53:7465:6164::" : "10.209.0.0");
        address.bytes[address.size() - 2] = static_cast<std::uint8_t>(number >> 8U);
        address.bytes[address.size() - 1] = static_cast<std::uint8_t>(number);
        list.push_back(address);
    }
    return list;
}

std::optional<std::uint32_t> choose_number(std::string_view guest,
                                           const HostNetwork& host,
                                           const std::function<bool(std::uint32_t)>& taken) {
    std::uint32_t hash = 0x811c9dc5;
    for (const char c : guest)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
    for (std::uint32_t attempt = 0; attempt < kNumbers; ++attempt) {
        const std::uint32_t number = (hash + attempt) % kNumbers;
        // People, and some programs, take them for a network and its broadcast address.
        const std::uint32_t last = number & 0xffU;
        if (last == 0 || last == 0xff || taken(number)) continue;
        const auto addresses = numbered(number, host.has_v6);
        const bool free =
            std::none_of(addresses.begin(), addresses.end(),
                         [&](const Address& address) { return is_reached(host, address); });
        if (free) return number;
    }
    return std::nullopt;
}

Result<void>
check_wishes(const Attachment& guest, const HostNetwork& host, std::span<const Attachment> others) {
    const recipe::Network& network = guest.network;
    for (const Address& address : network.addresses) {
        const std::string subject =
            with_origin(network.addresses_origin, recipe::address_text(address));
        for (const Address& own : host.addresses) {
            if (recipe::same_address(own, address))
                return make_error("network.addresses: the host itself has this address; choose "
                                  "another:",
                                  subject, 0);
        }
        for (const Attachment& other : others) {
            if (has_address(other.network, address))
                return make_error("network.addresses: another guest has this address; choose "
                                  "another, or stop that guest:",
                                  subject + " ('" + other.guest + "')", 0);
        }
        if (address.v6 && !host.has_v6)
            return make_error(
                "network.addresses: this kernel has no IPv6; leave the address out:", subject, 0);
    }
    TRY(check_gateway(guest, host, others));
    for (const Forward& port : network.ports) {
        for (const Attachment& other : others) {
            for (const Forward& theirs : other.network.ports) {
                if (same_place(port, theirs))
                    return make_error(
                        "network.ports: this port leads into another guest; choose "
                        "another, or stop that guest:",
                        with_origin(port.origin, port.text) + " ('" + other.guest + "')", 0);
            }
        }
    }
    return {};
}

Result<void> check_parent(const recipe::Network& network) {
    if (network.link == recipe::Link::Routed) return {};
    Netlink netlink = TRY(Netlink::open());
    const auto found = netlink.find(network.parent);
    const std::string subject = with_origin(network.link_origin, network.parent);
    const bool bridge = network.link == recipe::Link::Bridge;
    if (!found && found.error().code == ENODEV) {
        return bridge ? make_error("network.link: there is no such bridge; make it (ip link add "
                                   "NAME type bridge; ip link set NAME up), or write "
                                   "link = \"routed\":",
                                   subject, 0)
                      : make_error("network.link: there is no such interface ('ip link' lists "
                                   "them):",
                                   subject, 0);
    }
    if (!found) return found.error();
    if (bridge && found->kind != InterfaceKind::Bridge)
        return make_error("network.link: this is no bridge; write macvlan:NAME, or put the "
                          "interface into a bridge:",
                          subject, 0);
    if (!bridge && found->kind == InterfaceKind::Loopback)
        return make_error("network.link: nothing can lie beside loopback; name an interface with "
                          "a wire:",
                          subject, 0);
    return {};
}

Result<void> check_ports(const recipe::Network& network) {
    for (const Forward& port : network.ports) {
        for (const bool v6 : {false, true}) {
            if (port.at && port.at->v6 != v6) continue;
            TRY(try_port(port, v6));
        }
    }
    return {};
}

} // namespace stead::network
