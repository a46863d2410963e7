#include "unitfile/layers.h"

#include <algorithm>

#include "unitfile/keys.h"

namespace stead::unitfile {

namespace {

constexpr std::string_view kBelow = "...";

void stamp(Node& node, std::uint32_t layer) {
    node.at.layer = layer;
    for (Node& item : node.items)
        stamp(item, layer);
    for (Member& member : node.members) {
        member.at.layer = layer;
        stamp(member.value, layer);
    }
}

bool same_item(const Node& a, const Node& b) {
    if (a.type != b.type) return false;
    return a.is(NodeType::String)    ? a.text == b.text
           : a.is(NodeType::Integer) ? a.integer == b.integer
                                     : false;
}

bool is_text(const Node& node, std::string_view text) {
    return node.is(NodeType::String) && node.text == text;
}

/// The name of a key or table as its own kind of file has it: [unit.NAME] of a guest file is a unit
/// file's.
std::string_view inner_name(std::string_view name) {
    constexpr std::string_view kPrefix = "unit.";
    if (!name.starts_with(kPrefix)) return name;
    const std::size_t dot = name.find('.', kPrefix.size());
    return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

/// Whether "..." in the list of `key` (by its full name) has a meaning without anything below it.
/// Names that both kinds of files have mean the same in both.
bool has_default_items(const std::string& name, std::span<const Key> keys) {
    for (const Key& key : keys) {
        if (full_name(key) != inner_name(name)) continue;
        switch (key.type) {
        case KeyType::Capabilities:
        case KeyType::SystemCalls:
        case KeyType::Variables:
        case KeyType::Splice:
        case KeyType::ExitCodes:
            return true;
        default:
            return false;
        }
    }
    return false;
}

bool has_default_items(const std::string& name) {
    return has_default_items(name, unit_keys()) || has_default_items(name, guest_keys());
}

/// `above` with its "..." replaced by the items of `below`.
void splice(const std::string& name, const std::vector<Node>& below, Node& above, bool has_below) {
    const bool splices = std::any_of(above.items.begin(), above.items.end(),
                                     [](const Node& item) { return is_text(item, kBelow); });
    if (!splices || (!has_below && has_default_items(name))) return;
    std::vector<Node> items;
    const auto known = [&](const Node& wanted) {
        return std::find_if(items.begin(), items.end(),
                            [&](const Node& item) { return same_item(item, wanted); });
    };
    for (Node& item : above.items) {
        if (is_text(item, kBelow)) {
            for (const Node& old : below)
                if (known(old) == items.end()) items.push_back(old);
            continue;
        }
        if (item.is(NodeType::String) && item.text.starts_with('!')) {
            Node wanted = item;
            wanted.text.erase(0, 1);
            const auto found = known(wanted);
            if (found != items.end()) {
                items.erase(found);
                continue;
            }
        }
        if (known(item) == items.end()) items.push_back(std::move(item));
    }
    above.items = std::move(items);
}

/// The main key of the table called `name`; empty: it is no table, or has none.
std::string_view main_key_of(const std::string& name) {
    const std::string_view inner = inner_name(name);
    for (const std::span<const Table> tables : {unit_tables(), guest_tables()}) {
        for (const Table& table : tables) {
            if (table.name == inner && !table.main_key.empty()) return table.main_key;
        }
    }
    return {};
}

/// `restart = "always"` written out as [restart] with its main key.
void write_out(const std::string& name, Member& member) {
    const std::string_view main_key = main_key_of(name);
    if (main_key.empty() || member.value.is(NodeType::Table)) return;
    Node table;
    table.at = member.value.at;
    table.members.push_back({std::string(main_key), member.at, std::move(member.value)});
    member.value = std::move(table);
}

/// What is replaced is added to `overridden`.
void merge(const std::string& prefix,
           Node& below,
           Node above,
           std::vector<Overridden>& overridden) {
    for (Member& member : above.members) {
        const std::string name = prefix + member.key;
        const auto found =
            std::find_if(below.members.begin(), below.members.end(),
                         [&](const Member& candidate) { return candidate.key == member.key; });
        const bool is_new = found == below.members.end();
        if (!is_new) {
            write_out(name, *found);
            write_out(name, member);
        }
        if (member.value.is(NodeType::Table)) {
            if (is_new || !found->value.is(NodeType::Table)) {
                // Laid over nothing, so that "..." is seen to.
                Node merged;
                merged.at = member.value.at;
                merge(name + ".", merged, std::move(member.value), overridden);
                member.value = std::move(merged);
            } else {
                merge(name + ".", found->value, std::move(member.value), overridden);
                continue;
            }
        } else if (member.value.is(NodeType::List)) {
            const bool lists = !is_new && found->value.is(NodeType::List);
            splice(name, lists ? found->value.items : std::vector<Node>{}, member.value, lists);
        }
        if (is_new) {
            below.members.push_back(std::move(member));
        } else {
            overridden.push_back({name, found->value.at, member.value.at});
            *found = std::move(member);
        }
    }
}

} // namespace

void lay_over(Layers& layers, Node drop_in, const std::string& file) {
    layers.files.push_back(file);
    stamp(drop_in, static_cast<std::uint32_t>(layers.files.size()));
    merge("", layers.document, std::move(drop_in), layers.overridden);
}

} // namespace stead::unitfile
