#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "network/network.h"

namespace stead::network {

namespace {

using nlohmann::json;
using recipe::Address;

std::uint64_t hash_of(std::string_view guest, std::string_view instance) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](std::string_view text) {
        for (const char c : text)
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    };
    add(instance);
    add("/");
    add(guest);
    return hash;
}

std::string hex(std::uint64_t value, std::size_t digits) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text(digits, '0');
    for (std::size_t i = digits; i-- > 0; value >>= 4U)
        text[i] = kDigits[value & 0xfU];
    return text;
}

json texts(const std::vector<Address>& addresses) {
    auto list = json::array();
    for (const Address& one : addresses)
        list.push_back(recipe::network_text(one));
    return list;
}

/// The strings of a list; anything else in it is passed over.
std::vector<std::string> strings(const json& object, const char* key) {
    std::vector<std::string> list;
    const auto found = object.find(key);
    if (found == object.end() || !found->is_array()) return list;
    for (const json& item : *found) {
        if (item.is_string()) list.push_back(item.get<std::string>());
    }
    return list;
}

std::vector<Address> addresses(const json& object, const char* key) {
    std::vector<Address> list;
    for (const std::string& text : strings(object, key)) {
        if (const auto address = recipe::parse_address(text)) list.push_back(*address);
    }
    return list;
}

std::string text_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <typename Number>
Number number_of(const json& object, const char* key, Number limit) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned()) return {};
    const auto value = found->get<std::uint64_t>();
    return value <= static_cast<std::uint64_t>(limit) ? static_cast<Number>(value) : Number{};
}

recipe::Forward port_of(const json& object) {
    recipe::Forward port;
    if (text_of(object, "protocol") == "udp") port.protocol = recipe::Listen::Protocol::Udp;
    port.at = recipe::parse_address(text_of(object, "at"));
    port.outside = number_of<std::uint16_t>(object, "outside", UINT16_MAX);
    port.inside = number_of<std::uint16_t>(object, "inside", UINT16_MAX);
    port.text = text_of(object, "text");
    return port;
}

/// What the records write for the words of an enumeration, in its order.
constexpr std::array<std::string_view, 4> kLinks{"none", "routed", "bridge", "macvlan"};
constexpr std::array<std::string_view, 3> kMasquerades{"auto", "always", "never"};
constexpr std::array<std::string_view, 3> kNameServers{"none", "host", "listed"};

template <typename Enumeration, std::size_t Size>
Enumeration word(const std::array<std::string_view, Size>& words, const std::string& text) {
    const auto found = std::find(words.begin(), words.end(), text);
    return found == words.end() ? Enumeration{} : static_cast<Enumeration>(found - words.begin());
}

template <typename Enumeration, std::size_t Size>
std::string word_of(const std::array<std::string_view, Size>& words, Enumeration value) {
    return std::string(words.at(static_cast<std::size_t>(value)));
}

json record_of(const Attachment& attachment) {
    const recipe::Network& network = attachment.network;
    auto ports = json::array();
    for (const recipe::Forward& port : network.ports) {
        json object{{"protocol", port.protocol == recipe::Listen::Protocol::Udp ? "udp" : "tcp"},
                    {"outside", port.outside},
                    {"inside", port.inside},
                    {"text", port.text}};
        if (port.at) object["at"] = recipe::address_text(*port.at);
        ports.push_back(std::move(object));
    }
    return {{"guest", attachment.guest},
            {"interface", attachment.interface},
            {"link", word_of(kLinks, network.link)},
            {"parent", network.parent},
            {"addresses", texts(network.addresses)},
            {"gateways", texts(network.gateways)},
            {"ports", std::move(ports)},
            {"peers", network.peers},
            {"masquerade", word_of(kMasquerades, network.masquerade)},
            {"dns", word_of(kNameServers, network.dns)},
            {"name_servers", texts(network.name_servers)}};
}

std::optional<Attachment> attachment_of(const json& record) {
    if (!record.is_object()) return std::nullopt;
    Attachment attachment;
    attachment.guest = text_of(record, "guest");
    attachment.interface = text_of(record, "interface");
    recipe::Network& network = attachment.network;
    network.link = word<recipe::Link>(kLinks, text_of(record, "link"));
    network.parent = text_of(record, "parent");
    network.addresses = addresses(record, "addresses");
    network.gateways = addresses(record, "gateways");
    network.peers = strings(record, "peers");
    network.masquerade = word<recipe::Masquerade>(kMasquerades, text_of(record, "masquerade"));
    network.dns = word<recipe::NameServers>(kNameServers, text_of(record, "dns"));
    network.name_servers = addresses(record, "name_servers");
    const auto ports = record.find("ports");
    if (ports != record.end() && ports->is_array()) {
        for (const json& item : *ports) {
            recipe::Forward port = port_of(item);
            if (port.outside != 0 && port.inside != 0) network.ports.push_back(std::move(port));
        }
    }
    if (network.link == recipe::Link::None || attachment.guest.empty()) return std::nullopt;
    return attachment;
}

} // namespace

bool Attachment::has_family(bool v6) const {
    return std::any_of(network.addresses.begin(), network.addresses.end(),
                       [&](const Address& one) { return one.v6 == v6; });
}

std::string interface_name(std::string_view guest, std::string_view instance) {
    constexpr std::size_t kLongest = 15;
    std::string name(kPrefix);
    if (instance.empty() && guest.size() <= kLongest - name.size()) return name.append(guest);
    constexpr std::size_t kDigits = 7;
    name.append(guest.substr(0, kLongest - kDigits - 1 - name.size()));
    return name + "-" + hex(hash_of(guest, instance), kDigits);
}

std::string hardware_address(std::string_view guest, std::string_view instance) {
    // The second bit of the first byte: given by the administrator, not by a maker.
    std::string text = "02";
    const std::string digits = hex(hash_of(guest, instance) >> 8U, 10);
    for (std::size_t i = 0; i < digits.size(); i += 2)
        text += ":" + digits.substr(i, 2);
    return text;
}

Address host_end(const recipe::Network& network, bool v6) {
    for (const Address& one : network.gateways) {
        if (one.v6 == v6) return one;
    }
    return *recipe::parse_address(v6 ? "fe80::1" : "169.254.0.1");
}

bool is_hidden(const recipe::Network& network, const Address& address) {
    if (network.link != recipe::Link::Routed) return false;
    if (network.masquerade == recipe::Masquerade::Auto) return recipe::is_private(address);
    return network.masquerade == recipe::Masquerade::Always;
}

std::string write_attachment(const Attachment& attachment) {
    return record_of(attachment).dump(4) + "\n";
}

std::optional<Attachment> read_attachment(std::string_view text) {
    return attachment_of(json::parse(text, nullptr, false));
}

} // namespace stead::network
