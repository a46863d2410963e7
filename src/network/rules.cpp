#include "network/rules.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <unordered_set>
#include <vector>

namespace stead::network {

namespace {

using recipe::Address;
using recipe::Link;

/// A named set or map of nft.
struct Elements {
    std::string_view name;
    std::string_view type;
    /// In order and each once: the same guests give the same text.
    std::set<std::string> items;
    std::string_view kind = "set";
};

std::string render(const Elements& elements) {
    std::string text = "    " + std::string(elements.kind) + " " + std::string(elements.name) +
                       " {\n        type " + std::string(elements.type) + "\n";
    if (!elements.items.empty()) {
        text += "        elements = {";
        const char* separator = " ";
        for (const std::string& item : elements.items) {
            text += separator + item;
            separator = ",\n                     ";
        }
        text += " }\n";
    }
    return text + "    }\n";
}

std::string quoted(const std::string& name) {
    return "\"" + name + "\"";
}

/// A table of nft: what grows with the guests, and what does not.
struct RuleTable {
    std::string_view family;
    std::vector<Elements> sets;
    std::string_view chains;
};

std::string render(const RuleTable& table, const std::string& name) {
    std::string text = "table " + std::string(table.family) + " " + name + " {\n";
    for (const Elements& one : table.sets)
        text += render(one);
    return text + std::string(table.chains.substr(1)) + "}\n";
}

bool lets_in(const Attachment& guest, const std::string& peer) {
    const auto& peers = guest.network.peers;
    return std::find(peers.begin(), peers.end(), peer) != peers.end();
}

/// By number, like every protocol of these rules: nft looks a name up in /etc/protocols, which a
/// small host does not have.
std::string_view protocol_of(const recipe::Forward& port) {
    return port.protocol == recipe::Listen::Protocol::Udp ? "17" : "6";
}

/// What the inet table knows of one family.
struct Family {
    explicit Family(bool is_v6)
        : v6(is_v6) {}

    bool v6;
    std::string_view address = v6 ? "ipv6_addr" : "ipv4_addr";
    Elements guests{v6 ? "guests6" : "guests4", v6 ? "ipv6_addr" : "ipv4_addr", {}};
    Elements routed{v6 ? "routed6" : "routed4", v6 ? "ipv6_addr" : "ipv4_addr", {}};
    Elements hidden{v6 ? "hidden6" : "hidden4", v6 ? "ipv6_addr" : "ipv4_addr", {}};
    Elements open{v6 ? "open6" : "open4", v6 ? "ipv6_addr" : "ipv4_addr", {}};
    Elements sources{
        v6 ? "sources6" : "sources4", v6 ? "ifname . ipv6_addr" : "ifname . ipv4_addr", {}};
    Elements peers{
        v6 ? "peers6" : "peers4", v6 ? "ipv6_addr . ipv6_addr" : "ipv4_addr . ipv4_addr", {}};
    Elements ports{v6 ? "ports6" : "ports4",
                   v6 ? "inet_proto . inet_service : ipv6_addr . inet_service"
                      : "inet_proto . inet_service : ipv4_addr . inet_service",
                   {},
                   "map"};
    Elements ports_at{v6 ? "ports6_at" : "ports4_at",
                      v6 ? "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service"
                         : "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service",
                      {},
                      "map"};

    void add(const Attachment& guest, std::span<const Attachment> all) {
        bool first = true;
        for (const Address& address_of : guest.network.addresses) {
            if (address_of.v6 != v6) continue;
            const std::string text = recipe::address_text(address_of);
            guests.items.insert(text);
            if (is_hidden(guest.network, address_of)) hidden.items.insert(text);
            if (lets_in(guest, "*")) open.items.insert(text);
            if (guest.network.link == Link::Routed) {
                routed.items.insert(text);
                sources.items.insert(quoted(guest.interface) + " . " + text);
            }
            add_peers(guest, text, all);
            // Ports lead to the first address of the family.
            if (first) add_ports(guest, text);
            first = false;
        }
    }

    void move_sets(std::vector<Elements>& list) {
        for (Elements* one :
             {&guests, &routed, &hidden, &open, &sources, &peers, &ports, &ports_at})
            list.push_back(std::move(*one));
    }

private:
    void
    add_peers(const Attachment& guest, const std::string& to, std::span<const Attachment> all) {
        if (guest.network.peers.empty()) return; // Nearly all, of hundreds.
        for (const Attachment& peer : all) {
            if (!lets_in(guest, peer.guest)) continue;
            for (const Address& from : peer.network.addresses) {
                if (from.v6 == v6) peers.items.insert(recipe::address_text(from) + " . " + to);
            }
        }
    }

    void add_ports(const Attachment& guest, const std::string& to) {
        for (const recipe::Forward& port : guest.network.ports) {
            if (port.at && port.at->v6 != v6) continue;
            std::string item = std::string(protocol_of(port)) + " . " +
                               std::to_string(port.outside) + " : " + to + " . " +
                               std::to_string(port.inside);
            if (port.at) {
                ports_at.items.insert(recipe::address_text(*port.at) + " . " + item);
            } else {
                ports.items.insert(std::move(item));
            }
        }
    }
};

// A guest's packets carry its own addresses, and nobody else's packets carry those. What one
// guest's interface may send to the host's own 127.0.0.0/8 (ports on it need route_localnet) is
// nothing.
constexpr std::string_view kChains = R"(
    chain sources {
        type filter hook prerouting priority raw; policy accept;
        iifname @links jump from_guest
        iifname != @links ip saddr @routed4 drop
        iifname != @links ip6 saddr @routed6 drop
    }
    chain from_guest {
        ip daddr 127.0.0.0/8 drop
        iifname . ip saddr @sources4 return
        iifname . ip6 saddr @sources6 return
        ip6 saddr fe80::/10 return
        ip6 saddr :: meta l4proto 58 return
        drop
    }
    chain arriving {
        type nat hook prerouting priority dstnat; policy accept;
        fib daddr type local jump ports
    }
    chain own {
        type nat hook output priority -100; policy accept;
        ip6 daddr ::1 return
        fib daddr type local jump ports
    }
    chain ports {
        meta nfproto ipv4 dnat ip to ip daddr . meta l4proto . th dport map @ports4_at
        meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports4
        meta nfproto ipv6 dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6_at
        meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6
    }
    chain leaving {
        type nat hook postrouting priority srcnat; policy accept;
        oifname @links ip saddr 127.0.0.0/8 masquerade
        oifname @links return
        ip saddr @hidden4 ip daddr != @guests4 masquerade
        ip6 saddr @hidden6 ip6 daddr != @guests6 masquerade
    }
    chain forwarded {
        type filter hook forward priority filter; policy accept;
        ct state established,related accept
        ip daddr @guests4 goto to_guest
        ip6 daddr @guests6 goto to_guest
    }
    chain to_guest {
        ip saddr @guests4 goto among_guests
        ip6 saddr @guests6 goto among_guests
        ct status dnat accept
        ip daddr @hidden4 reject with icmpx admin-prohibited
        ip6 daddr @hidden6 reject with icmpx admin-prohibited
    }
    chain among_guests {
        ip daddr @open4 accept
        ip6 daddr @open6 accept
        ip saddr . ip daddr @peers4 accept
        ip6 saddr . ip6 daddr @peers6 accept
        reject with icmpx admin-prohibited
    }
)";

RuleTable inet_table(std::span<const Attachment> guests) {
    Elements links{"links", "ifname", {}};
    Family four(false);
    Family six(true);
    for (const Attachment& guest : guests) {
        if (guest.network.link == Link::Macvlan) continue;
        if (guest.network.link == Link::Routed) links.items.insert(quoted(guest.interface));
        four.add(guest, guests);
        six.add(guest, guests);
    }
    RuleTable table{"inet", {}, kChains};
    table.sets.push_back(std::move(links));
    four.move_sets(table.sets);
    six.move_sets(table.sets);
    return table;
}

// Between ports of a bridge nothing is routed, so the inet table does not see it. Many kernels
// track no connections there (CONFIG_NF_CONNTRACK_BRIDGE), so what an allowed peer is answered is
// told by what it is: everything but the beginning of a connection.
constexpr std::string_view kBridgeChains = R"(
    chain sources {
        type filter hook prerouting priority -300; policy accept;
        iifname @links jump from_guest
    }
    chain from_guest {
        iifname . ether saddr != @hardware drop
        ether type arp iifname . arp saddr ip @sources4 return
        ether type arp arp saddr ip 0.0.0.0 return
        icmpv6 type nd-router-advert drop
        iifname . ip saddr @sources4 return
        iifname . ip6 saddr @sources6 return
        ip6 saddr fe80::/10 return
        ip6 saddr :: meta l4proto 58 return
        drop
    }
    chain passing {
        type filter hook forward priority 0; policy accept;
        iifname @links oifname @links goto among_guests
    }
    chain among_guests {
        iifname . oifname @peers accept
        iifname . oifname @neighbours tcp flags & (syn | ack) == syn drop
        iifname . oifname @neighbours accept
        drop
    }
)";

RuleTable bridge_table(std::span<const Attachment> guests, std::string_view instance) {
    Elements links{"links", "ifname", {}};
    Elements hardware{"hardware", "ifname . ether_addr", {}};
    Elements sources4{"sources4", "ifname . ipv4_addr", {}};
    Elements sources6{"sources6", "ifname . ipv6_addr", {}};
    Elements peers{"peers", "ifname . ifname", {}};
    Elements neighbours{"neighbours", "ifname . ifname", {}};
    for (const Attachment& guest : guests) {
        if (guest.network.link != Link::Bridge) continue;
        const std::string link = quoted(guest.interface);
        links.items.insert(link);
        hardware.items.insert(link + " . " + hardware_address(guest.guest, instance));
        for (const Address& one : guest.network.addresses)
            (one.v6 ? sources6 : sources4).items.insert(link + " . " + recipe::address_text(one));
        for (const Attachment& peer :
             guest.network.peers.empty() ? std::span<const Attachment>() : guests) {
            const bool in = lets_in(guest, peer.guest) || lets_in(guest, "*");
            if (peer.network.link != Link::Bridge || &peer == &guest || !in) continue;
            const std::string from = quoted(peer.interface);
            const std::string inwards = std::string(from).append(" . ").append(link);
            peers.items.insert(inwards);
            neighbours.items.insert(inwards);
            neighbours.items.insert(std::string(link).append(" . ").append(from));
        }
    }
    RuleTable table{"bridge", {}, kBridgeChains};
    for (Elements* one : {&links, &hardware, &sources4, &sources6, &peers, &neighbours})
        table.sets.push_back(std::move(*one));
    return table;
}

std::vector<RuleTable> tables_of(std::span<const Attachment> guests, std::string_view instance) {
    std::vector<RuleTable> tables;
    const bool seen = std::any_of(guests.begin(), guests.end(), [](const Attachment& one) {
        return one.network.link != Link::Macvlan;
    });
    if (seen) tables.push_back(inet_table(guests));
    if (needs_bridge(guests)) tables.push_back(bridge_table(guests, instance));
    return tables;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        lines.push_back(line);
    }
    return lines;
}

/// One command for each set: `lines` are "FAMILY SET ITEM", in order.
std::string
commands(std::string_view verb, std::span<const std::string_view> lines, const std::string& name) {
    std::string text;
    std::string_view last;
    for (const std::string_view line : lines) {
        const std::size_t family = line.find(' ');
        const std::size_t set = line.find(' ', family + 1);
        std::string_view item = line.substr(set + 1);
        // What a key leads to goes with it.
        if (verb == "delete") item = item.substr(0, item.find(" : "));
        if (line.substr(0, set) == last) {
            text.append(", ").append(item);
            continue;
        }
        if (!last.empty()) text += " }\n";
        last = line.substr(0, set);
        text.append(verb).append(" element ").append(line.substr(0, family)).append(" ");
        text.append(name).append(line.substr(family, set - family)).append(" { ").append(item);
    }
    return last.empty() ? text : text + " }\n";
}

/// Naming a table makes it, so that there is always one to delete.
std::string emptied(std::string_view family, const std::string& name) {
    const std::string table = std::string(family) + " " + name;
    return "table " + table + "\ndelete table " + table + "\n";
}

} // namespace

bool needs_bridge(std::span<const Attachment> guests) {
    return std::any_of(guests.begin(), guests.end(),
                       [](const Attachment& one) { return one.network.link == Link::Bridge; });
}

std::string table_name(std::string_view instance) {
    return instance.empty() ? "stead" : "stead_" + std::string(instance);
}

std::string
render_rules(std::span<const Attachment> guests, std::string_view instance, bool had_bridge) {
    const std::string name = table_name(instance);
    const std::vector<RuleTable> tables = tables_of(guests, instance);
    std::string text;
    for (const std::string_view family : {"inet", "bridge"}) {
        if (family == "bridge" && !had_bridge && !needs_bridge(guests)) continue;
        text += emptied(family, name);
        for (const RuleTable& table : tables)
            if (table.family == family) text += render(table, name);
    }
    return text;
}

std::string list_elements(std::span<const Attachment> guests, std::string_view instance) {
    std::vector<RuleTable> tables = tables_of(guests, instance);
    std::string constant;
    std::string items;
    for (RuleTable& table : tables) {
        for (Elements& set : table.sets) {
            for (const std::string& item : set.items)
                items.append(table.family).append(" ").append(set.name).append(" ").append(item) +=
                    '\n';
            set.items.clear();
        }
        constant += render(table, table_name(instance));
    }
    return std::to_string(std::hash<std::string>{}(constant)) + "\n" + items;
}

std::optional<std::string>
render_changes(std::string_view before, std::string_view after, std::string_view instance) {
    std::vector<std::string_view> old = lines_of(before);
    std::vector<std::string_view> now = lines_of(after);
    if (old.size() < 2 || now.size() < 2 || old.front() != now.front()) return std::nullopt;
    // A few lines differ among thousands: only those are put in order.
    const auto only_in = [](const auto& these, const auto& others) {
        const std::unordered_set<std::string_view> known(others.begin(), others.end());
        std::vector<std::string_view> only;
        std::copy_if(these.begin(), these.end(), std::back_inserter(only),
                     [&](std::string_view line) { return !known.contains(line); });
        std::sort(only.begin(), only.end());
        return only;
    };
    const std::string name = table_name(instance);
    std::string script = commands("delete", only_in(old, now), name);
    script += commands("add", only_in(now, old), name);
    if (script.empty()) return std::nullopt;
    return script;
}

std::string render_inside(const Attachment& guest) {
    Elements four{"sources4", "ipv4_addr", {}};
    Elements six{"sources6", "ipv6_addr", {}};
    for (const Address& one : guest.network.addresses)
        (one.v6 ? six : four).items.insert(recipe::address_text(one));
    return "table inet stead {\n" + render(four) + render(six) +
           "    chain sources {\n"
           "        type filter hook output priority raw; policy drop;\n"
           "        oifname \"lo\" accept\n"
           "        ip saddr @sources4 accept\n"
           "        ip6 saddr @sources6 accept\n"
           "        ip6 saddr fe80::/10 accept\n"
           "        ip6 saddr :: meta l4proto 58 accept\n"
           "    }\n}\n";
}

} // namespace stead::network
