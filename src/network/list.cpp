#include <algorithm>
#include <charconv>

#include "network/network.h"

/// The list that every start reads, of a thousand guests perhaps: in JSON it cost more than all
/// else that grows with their number. Its first line is "networks 1 COUNT"; each guest is a line of
/// fields between tabs, the items of a field between blanks, the parts of an item between commas.
namespace stead::network {

namespace {

using recipe::Address;
using recipe::Forward;

constexpr std::string_view kFirst = "networks 1 ";

/// What is left of `rest` up to the next `mark`, which is taken as well.
std::string_view take_field(std::string_view& rest, char mark) {
    const std::size_t end = rest.find(mark);
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return field;
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
    const char* const end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data(), end, number);
    return code == std::errc{} && stop == end;
}

template <typename Enumeration>
bool read_word(std::string_view text, Enumeration last, Enumeration& word) {
    std::uint8_t number = 0;
    if (!read_number(text, number) || number > static_cast<std::uint8_t>(last)) return false;
    word = static_cast<Enumeration>(number);
    return true;
}

bool read_addresses(std::string_view text, std::vector<Address>& addresses) {
    while (!text.empty()) {
        const auto address = recipe::parse_address(take_field(text, ' '));
        if (!address) return false;
        addresses.push_back(*address);
    }
    return true;
}

bool read_ports(std::string_view text, std::vector<Forward>& ports) {
    while (!text.empty()) {
        std::string_view item = take_field(text, ' ');
        Forward port;
        if (!read_word(take_field(item, ','), recipe::Listen::Protocol::Udp, port.protocol) ||
            !read_number(take_field(item, ','), port.outside) ||
            !read_number(take_field(item, ','), port.inside))
            return false;
        const std::string_view at = take_field(item, ',');
        port.at = recipe::parse_address(at);
        if (!at.empty() && !port.at) return false;
        port.text = item;
        ports.push_back(std::move(port));
    }
    return true;
}

std::optional<Attachment> read_line(std::string_view line) {
    Attachment guest;
    recipe::Network& network = guest.network;
    guest.guest = take_field(line, '\t');
    guest.interface = take_field(line, '\t');
    network.parent = take_field(line, '\t');
    if (guest.guest.empty() ||
        !read_word(take_field(line, '\t'), recipe::Link::Macvlan, network.link) ||
        !read_word(take_field(line, '\t'), recipe::Masquerade::Never, network.masquerade) ||
        !read_word(take_field(line, '\t'), recipe::NameServers::Listed, network.dns) ||
        !read_addresses(take_field(line, '\t'), network.addresses) ||
        !read_addresses(take_field(line, '\t'), network.gateways) ||
        !read_addresses(take_field(line, '\t'), network.name_servers) ||
        !read_ports(take_field(line, '\t'), network.ports) || network.link == recipe::Link::None)
        return std::nullopt;
    for (std::string_view peers = take_field(line, '\t'); !peers.empty();)
        network.peers.emplace_back(take_field(peers, ' '));
    return guest;
}

/// A text that holds none of the marks.
bool is_plain(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == ','; });
}

template <typename Value>
std::string number_text(Value value) {
    return std::to_string(static_cast<unsigned>(value));
}

std::string addresses_text(const std::vector<Address>& addresses) {
    std::string text;
    for (const Address& one : addresses)
        text.append(text.empty() ? "" : " ").append(recipe::network_text(one));
    return text;
}

bool write_line(const Attachment& guest, std::string& out) {
    const recipe::Network& network = guest.network;
    bool plain = is_plain(guest.guest) && is_plain(guest.interface) && is_plain(network.parent);
    const auto field = [&](std::string_view text) { out.append(text).append("\t"); };
    field(guest.guest);
    field(guest.interface);
    field(network.parent);
    field(number_text(network.link));
    field(number_text(network.masquerade));
    field(number_text(network.dns));
    field(addresses_text(network.addresses));
    field(addresses_text(network.gateways));
    field(addresses_text(network.name_servers));
    std::string items;
    for (const Forward& port : network.ports) {
        plain &= is_plain(port.text);
        items.append(items.empty() ? "" : " ").append(number_text(port.protocol)).append(",");
        items.append(number_text(port.outside)).append(",").append(number_text(port.inside));
        items.append(",").append(port.at ? recipe::network_text(*port.at) : "").append(",");
        items.append(port.text);
    }
    field(items);
    items.clear();
    for (const std::string& peer : network.peers) {
        plain &= is_plain(peer) && !peer.empty();
        items.append(items.empty() ? "" : " ").append(peer);
    }
    out.append(items).append("\n");
    return plain;
}

} // namespace

std::optional<std::string> write_attachments(std::span<const Attachment> attachments) {
    std::string text = std::string(kFirst) + std::to_string(attachments.size()) + "\n";
    for (const Attachment& one : attachments) {
        if (!write_line(one, text)) return std::nullopt;
    }
    return text;
}

std::optional<std::vector<Attachment>> read_attachments(std::string_view text) {
    std::size_t count = 0;
    if (!text.starts_with(kFirst) || !text.ends_with('\n')) return std::nullopt;
    text.remove_prefix(kFirst.size());
    if (!read_number(take_field(text, '\n'), count)) return std::nullopt;
    std::vector<Attachment> attachments;
    attachments.reserve(std::min(count, text.size()));
    while (!text.empty()) {
        auto one = read_line(take_field(text, '\n'));
        if (!one) return std::nullopt;
        attachments.push_back(*std::move(one));
    }
    if (attachments.size() != count) return std::nullopt;
    return attachments;
}

} // namespace stead::network
