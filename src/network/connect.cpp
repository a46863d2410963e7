#include <fcntl.h>
#include <sched.h>

#include <optional>
#include <string>

#include "network/netlink.h"
#include "network/network.h"
#include "network/rules.h"
#include "sys/file.h"
#include "sys/namespaces.h"
#include "sys/unique_fd.h"

namespace stead::network {

namespace {

using recipe::Address;
using recipe::Link;

/// Writes a switch of the caller's network namespace: /proc/sys/net shows the reader's own. A
/// switch that the kernel lacks is that of a family it lacks.
Result<void> set_switch(const std::string& path, const char* value) {
    const std::string whole = "/proc/sys/net/" + path;
    const auto file = sys::open_at(AT_FDCWD, whole.c_str(), O_WRONLY);
    if (!file && file.error().code == ENOENT) return {};
    if (!file) return file.error();
    return sys::write_full(file->get(), value);
}

Result<std::string> read_switch(const std::string& path) {
    const std::string whole = "/proc/sys/net/" + path;
    const sys::UniqueFd file = TRY(sys::open_at(AT_FDCWD, whole.c_str(), O_RDONLY));
    std::string text(16, '\0');
    const std::size_t size =
        TRY(sys::read_full(file.get(), std::as_writable_bytes(std::span(text))));
    text.resize(size);
    return text.substr(0, text.find('\n'));
}

/// Being in another network namespace, until it goes out of scope.
class Inside {
public:
    static Result<Inside> enter(int network_namespace) {
        sys::UniqueFd before = TRY(sys::open_at(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY));
        TRY(sys::join_namespace(network_namespace, CLONE_NEWNET));
        return Inside(std::move(before));
    }

    Inside(Inside&&) = default;
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    Inside& operator=(Inside&&) = delete;

    ~Inside() {
        // It cannot fail: this is where we come from.
        if (before_) (void)sys::join_namespace(before_.get(), CLONE_NEWNET);
    }

private:
    explicit Inside(sys::UniqueFd before)
        : before_(std::move(before)) {}

    sys::UniqueFd before_;
};

/// The kernel forwards only where it is told to. With IPv6 that also ends what routers announce to
/// the host, unless the interface is told to go on listening.
Result<void> let_forward(const Attachment& guest) {
    if (guest.has_family(false)) {
        const auto now = read_switch("ipv4/ip_forward");
        if (!now || *now != "1") TRY(set_switch("ipv4/ip_forward", "1"));
    }
    if (!guest.has_family(true)) return {};
    const auto now = read_switch("ipv6/conf/all/forwarding");
    if (now && *now == "1") return {};
    Netlink netlink = TRY(Netlink::open());
    for (const Route& route : TRY(netlink.routes())) {
        if (!route.v6 || route.interface.empty()) continue;
        const std::string listens = "ipv6/conf/" + route.interface + "/accept_ra";
        const auto value = read_switch(listens);
        if (value && *value == "1") TRY(set_switch(listens, "2"));
    }
    return set_switch("ipv6/conf/all/forwarding", "1");
}

/// What a guest says on its wire changes nothing of the host.
Result<void> harden_outer(const Attachment& guest) {
    const std::string four = "ipv4/conf/" + guest.interface + "/";
    const std::string six = "ipv6/conf/" + guest.interface + "/";
    TRY(set_switch(four + "accept_redirects", "0"));
    TRY(set_switch(four + "send_redirects", "0"));
    TRY(set_switch(four + "rp_filter", "1"));
    TRY(set_switch(six + "accept_ra", "0"));
    TRY(set_switch(six + "accept_redirects", "0"));
    TRY(set_switch(six + "accept_dad", "0"));
    const bool routed = guest.network.link == Link::Routed;
    if (!routed || !guest.has_family(true)) TRY(set_switch(six + "disable_ipv6", "1"));
    // Ports of 127.0.0.1 lead into the guest; the rules let nothing come back that way.
    if (routed && !guest.network.ports.empty()) TRY(set_switch(four + "route_localnet", "1"));
    return {};
}

/// The outer end of a routed pair: the host's address for the guest, and the way to it.
Result<void> route_outer(Netlink& netlink, const Attachment& guest) {
    const int outer = TRY(netlink.find(guest.interface)).index;
    for (const bool v6 : {false, true}) {
        if (!guest.has_family(v6)) continue;
        Address end = host_end(guest.network, v6);
        // The usual one of IPv6 is link-local, whose network is every link's.
        const bool link_local = v6 && end.bytes[0] == 0xfe;
        if (link_local) end.prefix = 64;
        TRY(netlink.add_address(outer, end, false));
    }
    for (Address address : guest.network.addresses) {
        address.prefix = address.bits();
        TRY(netlink.add_route(outer, address.v6, address, std::nullopt));
    }
    return {};
}

std::optional<Address> way_out(const recipe::Network& network, bool v6) {
    if (network.link == Link::Routed) return host_end(network, v6);
    for (const Address& one : network.gateways) {
        if (one.v6 == v6) return one;
    }
    return std::nullopt;
}

Result<void> set_inside(const Attachment& guest) {
    const std::string six = std::string("ipv6/conf/") + kInside + "/";
    TRY(set_switch(six + "accept_ra", "0"));
    TRY(set_switch(six + "accept_dad", "0"));
    if (!guest.has_family(true)) TRY(set_switch(six + "disable_ipv6", "1"));
    Netlink netlink = TRY(Netlink::open());
    const int inner = TRY(netlink.find(kInside)).index;
    const recipe::Network& network = guest.network;
    const bool routed = network.link == Link::Routed;
    TRY(netlink.bring_up(kInside, 0));
    for (const Address& address : network.addresses)
        TRY(netlink.add_address(inner, address, routed));
    for (const bool v6 : {false, true}) {
        const auto gateway = guest.has_family(v6) ? way_out(network, v6) : std::nullopt;
        if (!gateway) continue;
        const bool link_local = v6 && gateway->bytes[0] == 0xfe;
        // Of a routed guest nothing else is on its wire.
        if (routed && !link_local) TRY(netlink.add_route(inner, v6, *gateway, std::nullopt));
        TRY(netlink.add_route(inner, v6, std::nullopt, gateway));
    }
    if (network.link == Link::Macvlan) TRY(apply_rules(render_inside(guest), -1));
    return {};
}

Result<void>
make_interface(const Attachment& guest, std::string_view instance, int network_namespace) {
    Netlink netlink = TRY(Netlink::open());
    const NewInterface inner{kInside, hardware_address(guest.guest, instance), network_namespace};
    const recipe::Network& network = guest.network;
    int parent = 0;
    if (network.link != Link::Routed) parent = TRY(netlink.find(network.parent)).index;
    if (network.link == Link::Macvlan)
        return netlink.make_macvlan(parent, network.peers.empty(), inner);

    const auto made = netlink.make_pair(guest.interface, inner);
    if (!made && made.error().code == EEXIST) {
        // Of an earlier life, whose namespace the kernel has not taken down yet.
        TRY(netlink.remove(guest.interface));
        TRY(netlink.make_pair(guest.interface, inner));
    } else if (!made) {
        return made.error();
    }
    TRY(harden_outer(guest));
    TRY(netlink.bring_up(guest.interface, parent));
    if (network.link != Link::Routed) return {};
    TRY(let_forward(guest));
    return route_outer(netlink, guest);
}

Result<void>
try_connect(const Attachment& guest, std::string_view instance, int network_namespace) {
    TRY(make_interface(guest, instance, network_namespace));
    const Inside inside = TRY(Inside::enter(network_namespace));
    return set_inside(guest);
}

} // namespace

Result<void>
connect(const Attachment& attachment, std::string_view instance, int network_namespace) {
    auto connected = try_connect(attachment, instance, network_namespace);
    if (!connected) (void)disconnect(attachment.interface); // That failure is told.
    return connected;
}

Result<void> disconnect(const std::string& interface) {
    if (interface.empty()) return {};
    Netlink netlink = TRY(Netlink::open());
    auto removed = netlink.remove(interface);
    if (!removed && removed.error().code == ENODEV) return {};
    return removed;
}

} // namespace stead::network
