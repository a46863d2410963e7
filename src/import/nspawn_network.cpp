#include <algorithm>
#include <array>
#include <set>

#include "import/nspawn.h"
#include "import/systemd_text.h"
#include "unitfile/values.h"

/// [Network]: which of the networks a guest can have comes nearest.
namespace stead::importing {

namespace {

using unitfile::text_node;

/// Most ports that a guest can have.
constexpr std::size_t kMaxPorts = 128;

constexpr std::string_view kRouted =
    "routed, with an address that is chosen for it; once you know a free one write network.link "
    "and network.addresses";

enum class Asked : std::uint8_t { Nothing, Host, None, Private };

bool is_on(const Given& given) {
    return parse_boolean(given.value) == true;
}

void private_network(Guest& guest, const Given& given) {
    (void)guest.flag(given);
}

void virtual_ethernet(Guest& guest, const Given& given) {
    const auto value = guest.flag(given);
    if (value && *value)
        guest.draft.explain(given.item, "the interface inside is eth0 and has its address already");
}

void bridge(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    guest.draft.approximate(given.item, kRouted);
}

void zone(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    guest.draft.approximate(given.item, std::string(kRouted) +
                                            "; guests of a zone reach each other if network.peers "
                                            "names them");
}

void other_link(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    if (given.name == "MACVLAN" && split_blanks(given.value).size() == 1)
        return guest.draft.approximate(given.item, kRouted);
    guest.draft.leave_out(given.item, given.note);
}

/// "tcp:8080:80", "udp:53", "8080".
void port(Guest& guest, const Given& given) {
    std::string_view text = given.value;
    const bool udp = text.starts_with("udp:");
    if (udp || text.starts_with("tcp:")) text.remove_prefix(4);
    const auto colon = text.find(':');
    const auto outside = unitfile::parse_digits(text.substr(0, colon), UINT16_MAX);
    const auto inside = colon == std::string_view::npos
                            ? outside
                            : unitfile::parse_digits(text.substr(colon + 1), UINT16_MAX);
    if (!outside || !inside || *outside == 0 || *inside == 0)
        return guest.refuse(given, "it is no port of the host's and one of the guest's");
    const std::string place = (udp ? "udp " : "tcp ") + std::to_string(*outside);
    if (!guest.targets.insert(place).second)
        return guest.draft.leave_out(given.item, "the host's port leads elsewhere already");
    const Node* const ports = guest.draft.find("network.ports");
    if (ports != nullptr && ports->items.size() == kMaxPorts)
        return guest.draft.leave_out(given.item, "a guest has at most 128 ports");
    guest.draft.append(
        given.item, "network.ports",
        text_node((udp ? "udp:" : "") + std::to_string(*outside) + ":" + std::to_string(*inside)));
}

constexpr std::string_view kNetwork = "Network";

constexpr std::array kRules{
    GuestRule{kNetwork, "Private", Repeat::Last, private_network},
    GuestRule{kNetwork, "VirtualEthernet", Repeat::Last, virtual_ethernet},
    GuestRule{kNetwork, "VirtualEthernetExtra", Repeat::List, other_link, "", kOneInterface},
    GuestRule{kNetwork, "Interface", Repeat::List, other_link, "",
              "interfaces of the host are not given away; a guest has one of its own, eth0"},
    GuestRule{kNetwork, "MACVLAN", Repeat::List, other_link, "", kOneInterface},
    GuestRule{kNetwork, "IPVLAN", Repeat::List, other_link, "",
              "there are no ipvlan interfaces; network.link = \"macvlan:INTERFACE\" comes nearest"},
    GuestRule{kNetwork, "Bridge", Repeat::Last, bridge},
    GuestRule{kNetwork, "Zone", Repeat::Last, zone},
    GuestRule{kNetwork, "Port", Repeat::List, port},
};

/// What one line of [Network] means for the mode.
Asked asked_by(std::string_view name, std::string_view value) {
    const Given given{0, kNetwork, name, value, {}, {}};
    if (name == "Private") return is_on(given) ? Asked::None : Asked::Host;
    if (name == "VirtualEthernet") return is_on(given) ? Asked::Private : Asked::Host;
    if (name == "Port" || value.empty()) return Asked::Nothing;
    if (name == "Bridge" || name == "Zone" || name == "MACVLAN") return Asked::Private;
    return Asked::None;
}

} // namespace

std::span<const GuestRule> nspawn_network_rules() {
    return kRules;
}

/// Any line about the network takes the place of what systemd-nspawn@.service asks for; of several
/// the one that asks for most decides.
void finish_nspawn_network(Guest& guest, const std::vector<ConfigLine>& settings) {
    Asked mode = Asked::Nothing;
    for (const GuestRule& rule : kRules) {
        const auto value = last_value(settings, kNetwork, rule.name);
        if (value) mode = std::max(mode, asked_by(rule.name, *value));
    }
    Draft& draft = guest.draft;
    const char* word = mode == Asked::Host ? "host" : mode == Asked::None ? "none" : "private";
    std::optional<std::size_t> item;
    for (std::size_t i = 0; i < draft.item_count() && mode != Asked::Nothing; ++i) {
        const Item& known = draft.item(i);
        if (known.section == kNetwork && known.name != "Port" &&
            known.mapping != Mapping::NotMapped && asked_by(known.name, known.value) == mode)
            item = i;
    }
    if (item) {
        draft.put(*item, "network.mode", text_node(word));
    } else {
        draft.supply("network.mode", text_node(word),
                     mode == Asked::Nothing ? "systemd-nspawn@.service says --network-veth."
                                            : "What is left of [Network].");
    }
    if (std::string_view(word) == "private") return;
    for (std::size_t i = 0; i < draft.item_count(); ++i) {
        const auto& keys = draft.item(i).keys;
        const bool dns = std::find(keys.begin(), keys.end(), "network.dns") != keys.end();
        const bool ports = std::find(keys.begin(), keys.end(), "network.ports") != keys.end();
        if (dns && mode == Asked::None)
            draft.explain(i, "without a network there are no name servers");
        if (dns && mode == Asked::Host)
            draft.leave_out(i, "with the host's network its name servers are the host's");
        if (ports) draft.leave_out(i, "only a private network has ports of its own (Private=)");
    }
    draft.erase("network.dns");
    draft.erase("network.ports");
}

} // namespace stead::importing
