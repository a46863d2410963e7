#include <algorithm>
#include <charconv>

#include "compile/guest_parts.h"

/// [network] of a guest with a stack of its own that reaches further than loopback.
namespace stead::compile {

namespace {

using recipe::Address;
using recipe::Forward;
using recipe::Link;

constexpr std::size_t kMaxAddresses = 16;
constexpr std::size_t kMaxPorts = 128;
constexpr std::size_t kMaxPeers = 256;
constexpr std::size_t kMaxNameServers = 3; // resolv.conf(5): MAXNS
constexpr std::size_t kMaxInterfaceName = 15;

class PrivateNetwork {
public:
    explicit PrivateNetwork(Draft& draft)
        : draft_(draft)
        , spec_(draft.spec)
        , network_(draft.context.network) {}

    void set() {
        link();
        addresses();
        gateways();
        ports();
        peers();
        name_servers();
        network_.masquerade = static_cast<recipe::Masquerade>(spec_.masquerade.value);
        if (spec_.masquerade.given() && network_.link != Link::Routed) {
            error(spec_.masquerade, "network.masquerade is for link = \"routed\"; on a bridge or "
                                    "wire of others the guest has its own address");
        }
    }

private:
    template <typename Value>
    void error(const unitfile::Placed<Value>& item, const std::string& message) {
        draft_.report.error(item.place, message);
    }

    /// Where a list's items stand, for messages of the start.
    static std::string origin(const unitfile::TextList& list) {
        return list.empty() ? std::string() : origin_of(list.front().place);
    }

    bool too_many(const unitfile::TextList& list, const std::string& key, std::size_t limit) {
        if (list.size() <= limit) return false;
        error(list[limit], key + " has " + std::to_string(list.size()) + " items; at most " +
                               std::to_string(limit) + " are possible");
        return true;
    }

    void link() {
        const std::string& text = spec_.link.value;
        network_.link_origin =
            origin_of(spec_.link.given() ? spec_.link.place : draft_.place("network.mode"));
        network_.link = Link::Routed;
        if (text == "routed") return;
        const std::size_t colon = text.find(':');
        const std::string kind = text.substr(0, colon);
        network_.parent = colon == std::string::npos ? "" : text.substr(colon + 1);
        if (kind != "bridge" && kind != "macvlan") {
            error(spec_.link,
                  "network.link is '" + text + "'; use routed, bridge:NAME or macvlan:INTERFACE");
            return;
        }
        network_.link = kind == "bridge" ? Link::Bridge : Link::Macvlan;
        const bool plain = std::all_of(network_.parent.begin(), network_.parent.end(), [](char c) {
            return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '"';
        });
        if (network_.parent.empty() || network_.parent.size() > kMaxInterfaceName || !plain)
            error(spec_.link, "network.link is '" + text +
                                  "'; the name of an interface has 1 to 15 characters, none of "
                                  "them a blank, '/', ':' or quote");
    }

    void addresses() {
        network_.addresses_origin = origin(spec_.addresses);
        if (too_many(spec_.addresses, "network.addresses", kMaxAddresses)) return;
        for (const unitfile::Text& item : spec_.addresses) {
            const auto address = recipe::parse_address(item.value);
            if (!address) {
                error(item, "network.addresses has '" + item.value +
                                "'; write an address and the length of its network's prefix: "
                                "\"10.7.0.10/24\" or \"fd00:7::10/64\"");
                continue;
            }
            const std::string problem = recipe::unusable(*address);
            if (!problem.empty()) {
                error(item, "network.addresses has '" + item.value + "', which " + problem);
            } else if (has_address(*address)) {
                error(item, "network.addresses has '" + item.value + "' twice");
            } else {
                network_.addresses.push_back(*address);
            }
        }
        if (spec_.addresses.empty() && network_.link != Link::Routed)
            error(spec_.link.given() ? spec_.link : spec_.network_mode,
                  "network.link = '" + spec_.link.value +
                      "' needs network.addresses: only you know which are free there");
    }

    [[nodiscard]] bool has_address(const Address& address) const {
        return std::any_of(network_.addresses.begin(), network_.addresses.end(),
                           [&](const Address& one) { return recipe::same_address(one, address); });
    }

    [[nodiscard]] bool has_family(bool v6) const {
        // Chosen addresses are of both families.
        return network_.addresses.empty() ||
               std::any_of(network_.addresses.begin(), network_.addresses.end(),
                           [&](const Address& one) { return one.v6 == v6; });
    }

    void gateways() {
        network_.gateway_origin = origin(spec_.gateway);
        for (const unitfile::Text& item : spec_.gateway) {
            const auto gateway = recipe::parse_address(item.value);
            if (!gateway || gateway->prefix != gateway->bits()) {
                error(item, "network.gateway is '" + item.value +
                                "'; write an address without a prefix: \"10.7.0.1\"");
                continue;
            }
            const std::string problem = gateway_problem(*gateway);
            if (!problem.empty()) {
                error(item, "network.gateway is '" + item.value + "', " + problem);
            } else {
                network_.gateways.push_back(*gateway);
            }
        }
    }

    std::string gateway_problem(const Address& gateway) {
        const bool link_local =
            gateway.v6 && gateway.bytes[0] == 0xfe && (gateway.bytes[1] & 0xc0U) == 0x80;
        if (const std::string wrong = recipe::unusable(gateway); !wrong.empty() && !link_local)
            return "which " + wrong;
        if (has_address(gateway)) return "which is the guest's own address";
        if (!has_family(gateway.v6))
            return std::string("but the guest has no address of ") + (gateway.v6 ? "IPv6" : "IPv4");
        for (const Address& one : network_.gateways) {
            if (one.v6 == gateway.v6) return "a second one of its family; one is enough";
        }
        if (network_.link == Link::Routed || link_local) return {};
        for (const Address& one : network_.addresses) {
            if (recipe::contains(one, gateway)) return {};
        }
        return "which lies in none of the networks of network.addresses; write their prefixes, "
               "such as \"192.168.1.50/24\"";
    }

    static std::optional<std::uint16_t> port_of(std::string_view digits) {
        std::uint16_t port = 0;
        const auto [end, code] =
            std::from_chars(digits.data(), digits.data() + digits.size(), port);
        const bool whole = code == std::errc{} && end == digits.data() + digits.size();
        if (!whole || port == 0 || digits.front() == '0') return std::nullopt;
        return port;
    }

    static std::optional<Forward> forward_of(std::string_view text) {
        Forward forward;
        forward.text = text;
        if (text.starts_with("udp:")) forward.protocol = recipe::Listen::Protocol::Udp;
        if (text.starts_with("udp:") || text.starts_with("tcp:")) text.remove_prefix(4);
        const std::size_t last = text.rfind(':');
        if (last == std::string_view::npos) return std::nullopt;
        const auto inside = port_of(text.substr(last + 1));
        text = text.substr(0, last);
        const std::size_t colon = text.ends_with(']') ? std::string_view::npos : text.rfind(':');
        const auto outside =
            port_of(colon == std::string_view::npos ? text : text.substr(colon + 1));
        if (!inside || !outside) return std::nullopt;
        forward.inside = *inside;
        forward.outside = *outside;
        if (colon == std::string_view::npos) return forward;
        std::string_view at = text.substr(0, colon);
        const bool bracketed = at.starts_with('[') && at.ends_with(']') && at.size() > 2;
        if (bracketed) at = at.substr(1, at.size() - 2);
        forward.at = recipe::parse_address(at);
        if (!forward.at || forward.at->v6 != bracketed || at.find('/') != std::string_view::npos)
            return std::nullopt;
        return forward;
    }

    static bool same_place(const Forward& one, const Forward& other) {
        return one.protocol == other.protocol && one.outside == other.outside &&
               (!one.at || !other.at || recipe::same_address(*one.at, *other.at));
    }

    void ports() {
        if (spec_.ports.empty()) return;
        if (network_.link != Link::Routed) {
            error(spec_.ports.front(),
                  "network.ports is for link = \"routed\"; on a bridge or wire the guest is "
                  "reached at its own address");
            return;
        }
        if (too_many(spec_.ports, "network.ports", kMaxPorts)) return;
        for (const unitfile::Text& item : spec_.ports) {
            auto forward = forward_of(item.value);
            if (!forward) {
                error(item, "network.ports has '" + item.value +
                                "'; write the host's port and the guest's: \"8080:80\", "
                                "\"udp:53:53\", \"127.0.0.1:8080:80\" or \"[fd00::1]:8080:80\"");
                continue;
            }
            forward->origin = origin_of(item.place);
            const std::string problem = port_problem(*forward);
            if (!problem.empty()) {
                error(item, "network.ports has '" + item.value + "'; " + problem);
            } else {
                network_.ports.push_back(*std::move(forward));
            }
        }
    }

    std::string port_problem(const Forward& forward) {
        for (const Forward& one : network_.ports) {
            if (same_place(one, forward))
                return "the host's port " + std::to_string(forward.outside) +
                       " is given twice, first as '" + one.text + "'";
        }
        if (!forward.at) return {};
        if (!has_family(forward.at->v6))
            return std::string("the guest has no address of ") +
                   (forward.at->v6 ? "IPv6" : "IPv4") + " that it could lead to";
        const bool loopback6 = forward.at->v6 && recipe::address_text(*forward.at) == "::1";
        if (loopback6)
            return "the kernel routes nothing from [::1] to another interface; use 127.0.0.1";
        return {};
    }

    void peers() {
        if (too_many(spec_.peers, "network.peers", kMaxPeers)) return;
        for (const unitfile::Text& item : spec_.peers) {
            if (network_.link == Link::Macvlan && item.value != "*") {
                error(item, "network.peers on a macvlan is [\"*\"] or nothing: what goes over the "
                            "wire passes no rule of the host that could tell guests apart");
                continue;
            }
            network_.peers.push_back(item.value);
        }
    }

    void name_servers() {
        network_.dns = recipe::NameServers::Host;
        if (spec_.dns.empty()) return;
        network_.dns_origin = origin(spec_.dns);
        const std::string& word = spec_.dns.front().value;
        if (spec_.dns.size() == 1 && (word == "host" || word == "none")) {
            if (word == "none") network_.dns = recipe::NameServers::None;
            return;
        }
        if (too_many(spec_.dns, "network.dns", kMaxNameServers)) return;
        network_.dns = recipe::NameServers::Listed;
        for (const unitfile::Text& item : spec_.dns) {
            const auto server = recipe::parse_address(item.value);
            if (!server || server->prefix != server->bits()) {
                error(item, "network.dns has '" + item.value +
                                "'; write \"host\", \"none\" or addresses: [\"10.7.0.53\"]");
                continue;
            }
            network_.name_servers.push_back(*server);
        }
    }

    Draft& draft_;
    const unitfile::GuestSpec& spec_;
    recipe::Network& network_;
};

/// A link into /run leads to our own /run: the file it means is made there.
std::string place_of_link(const std::string& link) {
    std::string target = link;
    if (target.starts_with("../run/")) target.erase(0, 2);
    const bool plain = target.starts_with("/run/") && !target.starts_with("/run/stead/") &&
                       target.find("/.") == std::string::npos && !target.ends_with('/');
    return plain ? target : std::string();
}

} // namespace

void set_resolver(Draft& draft) {
    recipe::Network& network = draft.context.network;
    if (network.dns == recipe::NameServers::None || draft.report.failed()) return;
    const recipe::Root& root = draft.context.root;
    const bool host_files = root.kind == recipe::RootKind::HostPrograms || root.path == "/";
    const std::string place = "/etc/resolv.conf";
    const PathFact fact = draft.facts.look((host_files ? std::string() : root.path) + place);
    std::string problem;
    const bool layered = root.kind == recipe::RootKind::Image;
    if (network.dns == recipe::NameServers::Host && draft.facts.has_name_servers &&
        !draft.facts.has_name_servers()) {
        problem = "the host has no name servers that a guest could reach (its resolv.conf names "
                  "loopback or none); write network.dns = [\"ADDRESS\"]";
    } else if (layered) {
        // An empty file of ours to bind on, whatever the image has there.
        draft.context.root.layer.push_back({recipe::LayerFile::Kind::File, place, {}});
        network.resolver_place = place;
    } else if (fact.kind == PathFact::Kind::File) {
        network.resolver_place = place;
    } else if (fact.kind == PathFact::Kind::Link) {
        network.resolver_place = place_of_link(fact.link);
        if (network.resolver_place.empty()) network.resolver_place = place;
    } else {
        problem = "the guest's root has no /etc/resolv.conf that its name servers could be told "
                  "in; make an empty one";
    }
    if (problem.empty()) return;
    network.dns = recipe::NameServers::None;
    if (network.dns_origin.empty()) {
        draft.context.notices.push_back(problem);
    } else {
        draft.report.error(draft.spec.dns.front().place, "network.dns: " + problem);
    }
}

void set_private_network(Draft& draft) {
    if (draft.facts.rootless_ids) {
        draft.report.error(
            draft.spec.network_mode.place,
            "network.mode = \"private\" changes the host's network, which needs root; "
            "start the guest as root, or write mode = \"none\" or \"host\"");
        return;
    }
    PrivateNetwork(draft).set();
}

} // namespace stead::compile
