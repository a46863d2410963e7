#include <algorithm>
#include <array>
#include <map>

#include "import/lxc.h"
#include "import/systemd_text.h"
#include "recipe/address.h"
#include "unitfile/values.h"

/// lxc.net.N.*: the first interface that a guest can have becomes its network.
namespace stead::importing {

namespace {

using unitfile::text_node;

constexpr std::size_t kMaxAddresses = 16;
constexpr std::size_t kMaxInterfaceName = 15;

/// The lines of one index by their names behind it; several of an address.
struct Interface {
    std::uint64_t index = 0;
    std::multimap<std::string, std::size_t> lines;
};

class Network {
public:
    explicit Network(Guest& guest)
        : draft_(guest.draft) {
        collect();
    }

    void finish() {
        const Interface* const chosen = choose();
        for (const auto& [index, interface] : interfaces_) {
            if (&interface == chosen) continue;
            for (const auto& [name, line] : interface.lines)
                draft_.leave_out(line, type_of(interface) == "empty" ? "it asks for nothing"
                                                                     : kOneInterface);
        }
        if (chosen == nullptr) return;
        const std::string type = type_of(*chosen);
        if (type == "none" || type == "empty") return without(*chosen, type == "none");
        with(*chosen, type);
    }

private:
    void collect() {
        constexpr std::string_view kPrefix = "lxc.net.";
        for (std::size_t i = 0; i < draft_.item_count(); ++i) {
            const Item& item = draft_.item(i);
            if (!item.name.starts_with(kPrefix) || item.mapping == Mapping::NotMapped ||
                !item.note.empty())
                continue;
            const std::string_view rest = std::string_view(item.name).substr(kPrefix.size());
            const auto dot = std::min(rest.find('.'), rest.size());
            const auto index = unitfile::parse_digits(rest.substr(0, dot), 4096);
            if (!index || dot == rest.size()) {
                draft_.leave_out(i, "not understood: write lxc.net.NUMBER.KEY");
                continue;
            }
            Interface& interface = interfaces_[*index];
            interface.index = *index;
            interface.lines.emplace(rest.substr(dot + 1), i);
        }
    }

    /// The values of a key; an empty line forgets those above.
    [[nodiscard]] std::vector<std::size_t> lines_of(const Interface& interface,
                                                    const std::string& name) const {
        std::vector<std::size_t> lines;
        const auto [first, last] = interface.lines.equal_range(name);
        for (auto next = first; next != last; ++next) {
            if (draft_.item(next->second).value.empty()) {
                lines.clear();
            } else {
                lines.push_back(next->second);
            }
        }
        return lines;
    }

    [[nodiscard]] std::string last_of(const Interface& interface, const std::string& name) const {
        const auto lines = lines_of(interface, name);
        return lines.empty() ? "" : draft_.item(lines.back()).value;
    }

    [[nodiscard]] std::string type_of(const Interface& interface) const {
        const std::string type = last_of(interface, "type");
        return type.empty() ? "veth" : type;
    }

    [[nodiscard]] const Interface* choose() const {
        for (const auto& [index, interface] : interfaces_) {
            const std::string type = type_of(interface);
            if (type == "veth" || type == "macvlan" || type == "none") return &interface;
        }
        return interfaces_.empty() ? nullptr : &interfaces_.begin()->second;
    }

    void without(const Interface& interface, bool host) {
        for (const auto& [name, line] : interface.lines) {
            if (name == "type") {
                draft_.put(line, "network.mode", text_node(host ? "host" : "none"));
            } else {
                draft_.explain(line, "there is no interface");
            }
        }
    }

    void with(const Interface& interface, const std::string& type) {
        const bool possible = type == "veth" || type == "macvlan";
        for (const auto& [name, line] : interface.lines) {
            if (!possible)
                draft_.leave_out(line, "interfaces of type '" + type +
                                           "' are not given to guests; the guest has loopback "
                                           "only");
        }
        if (!possible) return;
        draft_.supply("network.mode", text_node("private"), "An interface of its own, eth0.");
        for (const std::size_t line : lines_of(interface, "type"))
            draft_.share(line, "network.mode");
        std::vector<recipe::Address> addresses;
        for (const char* key : {"ipv4.address", "ipv6.address"})
            for (const std::size_t line : lines_of(interface, key))
                address(line, addresses);
        const bool linked = link(interface, type, !addresses.empty());
        for (const char* key : {"ipv4.gateway", "ipv6.gateway"})
            gateway(interface, key, addresses, linked);
        others(interface, type);
    }

    void address(std::size_t line, std::vector<recipe::Address>& addresses) {
        const auto words = split_blanks(draft_.item(line).value);
        const std::string& text = words.front();
        const std::string problem = address_problem(text);
        if (!problem.empty()) return draft_.leave_out(line, "not understood: " + problem);
        const auto parsed = *recipe::parse_address(text);
        const bool known = std::any_of(addresses.begin(), addresses.end(), [&](const auto& one) {
            return recipe::same_address(one, parsed);
        });
        if (known) return draft_.explain(line, "it is there already");
        if (addresses.size() == kMaxAddresses)
            return draft_.leave_out(line, "a guest has at most 16 addresses");
        addresses.push_back(parsed);
        draft_.append(line, "network.addresses", text_node(text));
    }

    /// A bridge or a wire of others: only with addresses that are free there.
    bool link(const Interface& interface, const std::string& type, bool has_addresses) {
        const auto lines = lines_of(interface, "link");
        const bool router = last_of(interface, "veth.mode") == "router";
        if (lines.empty() || router) {
            for (const std::size_t line : lines)
                routed(line, "routed: the host routes to the guest by itself");
            return false;
        }
        const std::size_t line = lines.back();
        const std::string name = draft_.item(line).value;
        const bool plain =
            name.size() <= kMaxInterfaceName && std::all_of(name.begin(), name.end(), [](char c) {
                return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '"';
            });
        if (!plain) {
            draft_.leave_out(line, "not understood: it is no name of an interface");
            return false;
        }
        const std::string text = (type == "veth" ? "bridge:" : "macvlan:") + name;
        if (!has_addresses) {
            routed(line, "routed, with an address that is chosen for it; once you know a free one "
                         "write network.link = \"" +
                             text + "\" and network.addresses");
            return false;
        }
        draft_.put(line, "network.link", text_node(text));
        return true;
    }

    void routed(std::size_t line, const std::string& note) {
        draft_.share(line, "network.mode");
        draft_.approximate(line, note);
    }

    void gateway(const Interface& interface,
                 const char* key,
                 const std::vector<recipe::Address>& addresses,
                 bool linked) {
        const auto lines = lines_of(interface, key);
        if (lines.empty()) return;
        const std::size_t line = lines.back();
        const std::string value = draft_.item(line).value;
        if (value == "auto" || value == "dev") {
            if (!linked) return draft_.explain(line, "the host is the way out of a routed guest");
            return draft_.leave_out(line,
                                    "write the address of the bridge or router: network.gateway");
        }
        const auto parsed = recipe::parse_address(value);
        if (!parsed || parsed->prefix != parsed->bits())
            return draft_.leave_out(line, "not understood: it is no address");
        const std::string problem = gateway_problem(*parsed, addresses, linked);
        if (!problem.empty()) return draft_.leave_out(line, problem);
        draft_.append(line, "network.gateway", text_node(value));
    }

    static std::string gateway_problem(const recipe::Address& gateway,
                                       const std::vector<recipe::Address>& addresses,
                                       bool linked) {
        const bool link_local =
            gateway.v6 && gateway.bytes[0] == 0xfe && (gateway.bytes[1] & 0xc0U) == 0x80;
        const std::string wrong = recipe::unusable(gateway);
        if (!wrong.empty() && !link_local) return "it " + wrong;
        bool family = addresses.empty();
        bool near = !linked || link_local;
        for (const recipe::Address& one : addresses) {
            if (recipe::same_address(one, gateway)) return "it is the guest's own address";
            family = family || one.v6 == gateway.v6;
            near = near || recipe::contains(one, gateway);
        }
        if (!family) return "the guest has no address of its family";
        return near ? "" : "it lies in none of the networks of the guest's addresses";
    }

    void others(const Interface& interface, const std::string& type) {
        for (const auto& [name, line] : interface.lines) {
            const std::string value = draft_.item(line).value;
            if (value.empty() || name == "type" || name == "link" || name.ends_with(".address") ||
                name.ends_with(".gateway"))
                continue;
            if (name == "flags") {
                if (value != "up") draft_.leave_out(line, "the interface is up");
            } else if (name == "name") {
                if (value != "eth0") draft_.approximate(line, kOneInterface);
            } else if (name == "veth.pair") {
                draft_.approximate(line, "the host's end is st-NAME");
            } else if (name == "veth.mode" && (value == "router" || value == "bridge")) {
                if (value == "router") draft_.explain(line, "the host routes to the guest");
            } else if (name == "macvlan.mode") {
                mac_mode(line, value);
            } else if (name == "hwaddr") {
                draft_.leave_out(line, "the kernel chooses the hardware address at each start");
            } else if (name == "mtu") {
                draft_.leave_out(line, "the interface has the kernel's own MTU");
            } else if (name.starts_with("script.")) {
                draft_.leave_out(
                    line, "nothing is run with an interface's name; hooks.post-start runs once "
                          "the guest is up");
            } else {
                draft_.leave_out(line,
                                 "an interface of type '" + type + "' has no such setting here");
            }
        }
    }

    void mac_mode(std::size_t line, const std::string& value) {
        if (value == "bridge" && draft_.find("network.link") != nullptr) {
            draft_.append(line, "network.peers", text_node("*"));
        } else if (value != "private") {
            draft_.approximate(line, "guests on one wire do not reach each other");
        }
    }

    Draft& draft_;
    std::map<std::uint64_t, Interface> interfaces_;
};

} // namespace

void finish_lxc_network(Guest& guest) {
    Network(guest).finish();
}

} // namespace stead::importing
