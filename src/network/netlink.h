#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "recipe/address.h"

struct nl_sock;
struct rtnl_link;

/// Interfaces, addresses and routes of one network namespace, by libnl-route-3. The only header
/// beside which libnl is known.
namespace stead::network {

enum class InterfaceKind : std::uint8_t { Other, Bridge, Loopback };

struct Route {
    /// Nothing: the way to everywhere else.
    std::optional<recipe::Address> to;
    std::optional<recipe::Address> gateway;
    std::string interface;
    bool v6 = false;
};

/// What is wanted of a new interface; its kind is the function that makes it.
struct NewInterface {
    std::string name;
    std::string hardware_address;
    /// The network namespace of the inner end.
    int network_namespace = -1;
};

class Netlink {
public:
    /// Of the network namespace that the caller is in now, for good.
    static Result<Netlink> open();

    /// Number and kind of an interface; ENODEV if there is none.
    struct Interface {
        int index = 0;
        InterfaceKind kind = InterfaceKind::Other;
    };

    Result<Interface> find(const std::string& name);
    Result<std::vector<recipe::Address>> addresses();
    Result<std::vector<Route>> routes();

    /// A pair: `outer` here, `inner` there.
    Result<void> make_pair(const std::string& outer, const NewInterface& inner);
    /// An interface there beside `parent` here. `apart`: they do not reach each other.
    Result<void> make_macvlan(int parent, bool apart, const NewInterface& inner);
    Result<void> remove(const std::string& name);
    /// `master` 0: none.
    Result<void> bring_up(const std::string& name, int master);

    /// `alone`: without the route to its network that comes with it.
    Result<void> add_address(int interface, const recipe::Address& address, bool alone);
    /// To `to` (nothing: everywhere else) by the interface, through `gateway` if there is one.
    Result<void> add_route(int interface,
                           bool v6,
                           const std::optional<recipe::Address>& to,
                           const std::optional<recipe::Address>& gateway);

private:
    struct Close {
        void operator()(nl_sock* socket) const;
    };

    explicit Netlink(nl_sock* socket)
        : socket_(socket) {}

    std::unique_ptr<nl_sock, Close> socket_;
};

} // namespace stead::network
