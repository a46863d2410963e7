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

/// Switches of the caller's network namespace for one family: /proc/sys/net shows the reader's own.
/// The family's folder is opened once, because the kernel looks for it among those of all
/// namespaces. A switch that the kernel lacks is that of a family it lacks.
class Switches {
public:
    static Result<Switches> open(bool v6) {
        const char* const path = v6 ? "/proc/sys/net/ipv6" : "/proc/sys/net/ipv4";
        auto found = sys::open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY);
        if (!found && found.error().code != ENOENT) return found.error();
        return Switches(found ? *std::move(found) : sys::UniqueFd());
    }

    [[nodiscard]] Result<void> set(const std::string& name, const char* value) const {
        if (!folder_) return {};
        const auto file = sys::open_at(folder_.get(), name.c_str(), O_WRONLY);
        if (!file && file.error().code == ENOENT) return {};
        if (!file) return file.error();
        return sys::write_full(file->get(), value);
    }

    /// Nothing for one that cannot be read.
    [[nodiscard]] std::string value(const std::string& name) const {
        if (!folder_) return {};
        const auto file = sys::open_at(folder_.get(), name.c_str(), O_RDONLY);
        if (!file) return {};
        std::string text(16, '\0');
        const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(text)));
        if (!size) return {};
        text.resize(*size);
        return text.substr(0, text.find('\n'));
    }

private:
    explicit Switches(sys::UniqueFd folder)
        : folder_(std::move(folder)) {}

    sys::UniqueFd folder_;
};

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
Result<void> let_forward(const Attachment& guest, const Switches& four, const Switches& six) {
    if (guest.has_family(false) && four.value("ip_forward") != "1")
        TRY(four.set("ip_forward", "1"));
    if (!guest.has_family(true) || six.value("conf/all/forwarding") == "1") return {};
    Netlink netlink = TRY(Netlink::open());
    for (const Route& route : TRY(netlink.routes())) {
        if (!route.v6 || route.interface.empty()) continue;
        const std::string listens = "conf/" + route.interface + "/accept_ra";
        if (six.value(listens) == "1") TRY(six.set(listens, "2"));
    }
    return six.set("conf/all/forwarding", "1");
}

/// What a guest says on its wire changes nothing of the host.
Result<void> harden_outer(const Attachment& guest, const Switches& four, const Switches& six) {
    const std::string own = "conf/" + guest.interface + "/";
    TRY(four.set(own + "accept_redirects", "0"));
    TRY(four.set(own + "send_redirects", "0"));
    TRY(four.set(own + "rp_filter", "1"));
    TRY(six.set(own + "accept_ra", "0"));
    TRY(six.set(own + "accept_redirects", "0"));
    TRY(six.set(own + "accept_dad", "0"));
    const bool routed = guest.network.link == Link::Routed;
    if (!routed || !guest.has_family(true)) TRY(six.set(own + "disable_ipv6", "1"));
    // Ports of 127.0.0.1 lead into the guest; the rules let nothing come back that way.
    if (routed && !guest.network.ports.empty()) TRY(four.set(own + "route_localnet", "1"));
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
    const Switches six = TRY(Switches::open(true));
    const std::string own = std::string("conf/") + kInside + "/";
    TRY(six.set(own + "accept_ra", "0"));
    TRY(six.set(own + "accept_dad", "0"));
    if (!guest.has_family(true)) TRY(six.set(own + "disable_ipv6", "1"));
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
    const Switches four = TRY(Switches::open(false));
    const Switches six = TRY(Switches::open(true));
    TRY(harden_outer(guest, four, six));
    TRY(netlink.bring_up(guest.interface, parent));
    if (network.link != Link::Routed) return {};
    TRY(let_forward(guest, four, six));
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
