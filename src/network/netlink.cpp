#include "network/netlink.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "sys/unique_fd.h"

namespace stead::network {

namespace {

using recipe::Address;

/// One deleter for what libnl hands out, each with its own put function.
template <auto Put>
struct PutBack {
    template <typename Thing>
    void operator()(Thing* thing) const {
        Put(thing);
    }
};

using Link = std::unique_ptr<rtnl_link, PutBack<rtnl_link_put>>;
using AddressObject = std::unique_ptr<rtnl_addr, PutBack<rtnl_addr_put>>;
using RouteObject = std::unique_ptr<rtnl_route, PutBack<rtnl_route_put>>;
using Binary = std::unique_ptr<nl_addr, PutBack<nl_addr_put>>;
using Cache = std::unique_ptr<nl_cache, PutBack<nl_cache_free>>;

/// libnl has numbers of its own for what the kernel answered; those that somebody looks at.
int errno_of(int code) {
    struct Pair {
        int netlink;
        int system;
    };

    constexpr std::array kPairs{
        Pair{NLE_PERM, EPERM},
        Pair{NLE_NOACCESS, EACCES},
        Pair{NLE_EXIST, EEXIST},
        Pair{NLE_NODEV, ENODEV},
        Pair{NLE_NOMEM, ENOMEM},
        Pair{NLE_BUSY, EBUSY},
        Pair{NLE_OBJ_NOTFOUND, ENODEV},
        Pair{NLE_RANGE, ERANGE},
        Pair{NLE_INVAL, EINVAL},
        Pair{NLE_OPNOTSUPP, EOPNOTSUPP},
        Pair{NLE_AF_NOSUPPORT, EAFNOSUPPORT},
    };
    for (const Pair& pair : kPairs) {
        if (pair.netlink == -code) return pair.system;
    }
    return 0;
}

Error failure(const char* operation, std::string_view subject, int code) {
    const int number = errno_of(code);
    if (number != 0) return make_error(operation, subject, number);
    return make_error(operation, std::string(subject) + ": " + nl_geterror(code), 0);
}

Result<void> check(const char* operation, std::string_view subject, int code) {
    if (code < 0) return failure(operation, subject, code);
    return {};
}

Binary binary(const Address& address, bool with_prefix) {
    Binary made(
        nl_addr_build(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), address.size()));
    if (made) nl_addr_set_prefixlen(made.get(), with_prefix ? address.prefix : address.bits());
    return made;
}

std::optional<Address> address_of(const nl_addr* object) {
    if (object == nullptr || nl_addr_get_len(object) == 0) return std::nullopt;
    const int family = nl_addr_get_family(object);
    if (family != AF_INET && family != AF_INET6) return std::nullopt;
    Address address;
    address.v6 = family == AF_INET6;
    const std::size_t size = nl_addr_get_len(object);
    if (size > address.size()) return std::nullopt;
    std::memcpy(address.bytes.data(), nl_addr_get_binary_addr(object), size);
    address.prefix = static_cast<std::uint8_t>(nl_addr_get_prefixlen(object));
    return address;
}

Error no_memory() {
    return make_error("netlink", {}, ENOMEM);
}

/// Each object of a cache.
template <typename Object, typename Each>
void for_each(const Cache& cache, Each each) {
    for (nl_object* one = nl_cache_get_first(cache.get()); one != nullptr;
         one = nl_cache_get_next(one))
        each(reinterpret_cast<Object*>(one));
}

Result<Link> get_link(nl_sock* socket, const std::string& name) {
    rtnl_link* found = nullptr;
    const int code = rtnl_link_get_kernel(socket, 0, name.c_str(), &found);
    if (code < 0) return failure("interface", name, code);
    return Link(found);
}

/// Empty if it has just gone. By netdevice(7), one by one: a list of all links by netlink comes
/// with their statistics, 1.5 kB for each guest, and if_indextoname(3) makes a socket each time.
std::string name_of(int socket, int interface) {
    ifreq request{};
    request.ifr_ifindex = interface;
    if (::ioctl(socket, SIOCGIFNAME, &request) != 0) return {};
    return {request.ifr_name, ::strnlen(request.ifr_name, IFNAMSIZ)};
}

Result<void> set_inner(rtnl_link* link, const NewInterface& inner) {
    rtnl_link_set_name(link, inner.name.c_str());
    rtnl_link_set_ns_fd(link, inner.network_namespace);
    nl_addr* hardware = nullptr;
    TRY(check("hardware address", inner.hardware_address,
              nl_addr_parse(inner.hardware_address.c_str(), AF_LLC, &hardware)));
    const Binary owned(hardware);
    rtnl_link_set_addr(link, hardware);
    return {};
}

} // namespace

void Netlink::Close::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

Result<Netlink> Netlink::open() {
    Netlink opened(nl_socket_alloc());
    if (!opened.socket_) return no_memory();
    // libnl makes its sockets close-on-exec.
    TRY(check("netlink", "connect", nl_connect(opened.socket_.get(), NETLINK_ROUTE)));
    return opened;
}

Result<Netlink::Interface> Netlink::find(const std::string& name) {
    const Link link = TRY(get_link(socket_.get(), name));
    Interface found{rtnl_link_get_ifindex(link.get()), InterfaceKind::Other};
    const char* const kind = rtnl_link_get_type(link.get());
    if (kind != nullptr && std::string_view(kind) == "bridge") found.kind = InterfaceKind::Bridge;
    if ((rtnl_link_get_flags(link.get()) & IFF_LOOPBACK) != 0) found.kind = InterfaceKind::Loopback;
    return found;
}

Result<std::vector<Address>> Netlink::addresses() {
    nl_cache* filled = nullptr;
    TRY(check("netlink", "addresses", rtnl_addr_alloc_cache(socket_.get(), &filled)));
    const Cache cache(filled);
    std::vector<Address> list;
    for_each<rtnl_addr>(cache, [&](rtnl_addr* one) {
        if (const auto address = address_of(rtnl_addr_get_local(one))) list.push_back(*address);
    });
    return list;
}

Result<std::vector<Route>> Netlink::routes() {
    nl_cache* filled = nullptr;
    TRY(check("netlink", "routes", rtnl_route_alloc_cache(socket_.get(), AF_UNSPEC, 0, &filled)));
    const Cache cache(filled);
    const sys::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return last_error("socket", {});
    std::vector<Route> list;
    for_each<rtnl_route>(cache, [&](rtnl_route* one) {
        const int family = rtnl_route_get_family(one);
        if (family != AF_INET && family != AF_INET6) return;
        if (rtnl_route_get_table(one) == RT_TABLE_LOCAL) return;
        Route route;
        route.v6 = family == AF_INET6;
        const nl_addr* const to = rtnl_route_get_dst(one);
        if (to != nullptr && nl_addr_get_prefixlen(to) != 0) route.to = address_of(to);
        for (int i = 0; i < rtnl_route_get_nnexthops(one); ++i) {
            rtnl_nexthop* const hop = rtnl_route_nexthop_n(one, i);
            route.gateway = address_of(rtnl_route_nh_get_gateway(hop));
            route.interface = name_of(socket.get(), rtnl_route_nh_get_ifindex(hop));
            list.push_back(route);
        }
    });
    return list;
}

Result<void> Netlink::make_pair(const std::string& outer, const NewInterface& inner) {
    const Link link(rtnl_link_veth_alloc());
    if (!link) return no_memory();
    rtnl_link_set_name(link.get(), outer.c_str());
    const Link peer(rtnl_link_veth_get_peer(link.get()));
    if (!peer) return no_memory();
    TRY(set_inner(peer.get(), inner));
    return check("making a pair of interfaces", outer,
                 rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL));
}

Result<void> Netlink::make_macvlan(int parent, bool apart, const NewInterface& inner) {
    const Link link(rtnl_link_macvlan_alloc());
    if (!link) return no_memory();
    rtnl_link_set_link(link.get(), parent);
    const std::uint32_t mode = apart ? MACVLAN_MODE_PRIVATE : MACVLAN_MODE_BRIDGE;
    TRY(check("macvlan", "mode", rtnl_link_macvlan_set_mode(link.get(), mode)));
    TRY(set_inner(link.get(), inner));
    return check("making a macvlan", inner.name,
                 rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL));
}

Result<void> Netlink::remove(const std::string& name) {
    const Link link = TRY(get_link(socket_.get(), name));
    return check("removing the interface", name, rtnl_link_delete(socket_.get(), link.get()));
}

Result<void> Netlink::bring_up(const std::string& name, int master) {
    const Link link = TRY(get_link(socket_.get(), name));
    const Link change(rtnl_link_alloc());
    if (!change) return no_memory();
    rtnl_link_set_flags(change.get(), IFF_UP);
    if (master != 0) rtnl_link_set_master(change.get(), master);
    return check("bringing up the interface", name,
                 rtnl_link_change(socket_.get(), link.get(), change.get(), 0));
}

Result<void> Netlink::add_address(int interface, const Address& address, bool alone) {
    const AddressObject object(rtnl_addr_alloc());
    const Binary local = binary(address, true);
    if (!object || !local) return no_memory();
    rtnl_addr_set_ifindex(object.get(), interface);
    unsigned flags = 0;
    // Nobody else can have it: the start checks, and a guest's address should be there at once.
    if (address.v6) flags |= IFA_F_NODAD;
    if (alone) flags |= IFA_F_NOPREFIXROUTE;
    rtnl_addr_set_flags(object.get(), flags);
    TRY(check("address", recipe::network_text(address),
              rtnl_addr_set_local(object.get(), local.get())));
    return check("adding the address", recipe::network_text(address),
                 rtnl_addr_add(socket_.get(), object.get(), NLM_F_EXCL));
}

Result<void> Netlink::add_route(int interface,
                                bool v6,
                                const std::optional<Address>& to,
                                const std::optional<Address>& gateway) {
    const RouteObject route(rtnl_route_alloc());
    rtnl_nexthop* const hop = rtnl_route_nh_alloc();
    Address everywhere;
    everywhere.v6 = v6;
    everywhere.prefix = 0;
    const Binary target = binary(to ? *to : everywhere, true);
    if (!route || hop == nullptr || !target) return no_memory();
    rtnl_route_set_family(route.get(), v6 ? AF_INET6 : AF_INET);
    rtnl_route_set_table(route.get(), RT_TABLE_MAIN);
    rtnl_route_set_protocol(route.get(), RTPROT_STATIC);
    rtnl_route_set_scope(route.get(), gateway || v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    rtnl_route_set_type(route.get(), RTN_UNICAST);
    TRY(check("route", "target", rtnl_route_set_dst(route.get(), target.get())));
    rtnl_route_nh_set_ifindex(hop, interface);
    if (gateway) {
        const Binary through = binary(*gateway, false);
        if (!through) return no_memory();
        rtnl_route_nh_set_gateway(hop, through.get());
        rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
    }
    rtnl_route_add_nexthop(route.get(), hop);
    const std::string subject = to ? recipe::network_text(*to) : std::string("everywhere");
    return check("adding the route", subject,
                 rtnl_route_add(socket_.get(), route.get(), NLM_F_EXCL));
}

} // namespace stead::network
