#include "import/draft.h"

#include <algorithm>
#include <utility>

#include "unitfile/keys.h"
#include "unitfile/reader.h"

namespace stead::importing {

namespace {

/// A comment quotes no more of a directive than this.
constexpr std::size_t kShownValue = 160;
/// Taking out one refused key can uncover another mistake; this often at most.
constexpr int kRounds = 24;

constexpr std::string_view kNotYet = "not supported yet";

std::string file_name(std::string_view path) {
    const auto slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

/// Cut at the end of a whole character.
std::string shortened(std::string_view text) {
    if (text.size() <= kShownValue) return std::string(text);
    std::size_t end = kShownValue;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U)
        --end;
    return std::string(text.substr(0, end)) + "...";
}

std::string shown(const Item& item) {
    std::string text = file_name(item.origin.file);
    if (item.origin.line != 0) text += ":" + std::to_string(item.origin.line);
    text += ": " + item.name;
    // A line that is no assignment has no value.
    if (!item.value.empty() || !item.name.empty()) text += "=" + item.value;
    return shortened(text);
}

/// The same value, wherever it stands.
bool same(const Node& a, const Node& b) {
    if (a.type != b.type || a.text != b.text || a.integer != b.integer || a.boolean != b.boolean ||
        a.number != b.number || a.members.size() != b.members.size())
        return false;
    for (std::size_t i = 0; i < a.members.size(); ++i) {
        if (a.members[i].key != b.members[i].key || !same(a.members[i].value, b.members[i].value))
            return false;
    }
    return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same);
}

void join(std::string& notes, std::string_view note) {
    if (note.empty() || notes.find(note) != std::string::npos) return;
    notes += (notes.empty() ? "" : "; ") + std::string(note);
}

} // namespace

std::size_t ImportedUnit::count(Mapping mapping) const {
    return static_cast<std::size_t>(std::count_if(
        items.begin(), items.end(), [&](const Item& item) { return item.mapping == mapping; }));
}

Draft::Draft(std::string name, std::string source, unitfile::Kind kind)
    : name_(std::move(name))
    , source_(std::move(source))
    , kind_(kind) {}

std::size_t Draft::add(Item item) {
    items_.push_back(std::move(item));
    return items_.size() - 1;
}

Draft::Entry& Draft::entry(std::size_t item, std::string_view key) {
    Entry& entry = entries_[std::string(key)];
    if (std::find(entry.items.begin(), entry.items.end(), item) == entry.items.end())
        entry.items.push_back(item);
    auto& keys = items_[item].keys;
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.emplace_back(key);
    return entry;
}

void Draft::put(std::size_t item, std::string_view key, Node value) {
    Entry& target = entry(item, key);
    for (const std::size_t before : target.items)
        if (before != item) std::erase(items_[before].keys, key);
    target.value = std::move(value);
    target.items = {item};
    target.reason.clear();
}

void Draft::share(std::size_t item, std::string_view key) {
    (void)entry(item, key);
}

void Draft::append(std::size_t item, std::string_view key, Node value, std::string_view first) {
    Entry& target = entry(item, key);
    if (!target.value.is(unitfile::NodeType::List)) {
        target.value = unitfile::list_node({});
        if (!first.empty()) target.value.items.push_back(unitfile::text_node(std::string(first)));
    }
    for (const Node& known : target.value.items)
        if (same(known, value)) return;
    target.value.items.push_back(std::move(value));
}

void Draft::member(std::size_t item, std::string_view key, const std::string& name, Node value) {
    Entry& target = entry(item, key);
    for (unitfile::Member& known : target.value.members) {
        if (known.key != name) continue;
        known.value = std::move(value);
        return;
    }
    target.value.members.push_back({name, {}, std::move(value)});
}

void Draft::supply(std::string_view key, Node value, std::string reason) {
    Entry& target = entries_[std::string(key)];
    target.value = std::move(value);
    target.reason = std::move(reason);
}

void Draft::erase(std::string_view key) {
    const auto found = entries_.find(key);
    if (found != entries_.end()) entries_.erase(found);
    for (Item& item : items_)
        std::erase(item.keys, key);
}

std::vector<std::size_t> Draft::items_naming(std::string_view key, std::string_view text) const {
    std::vector<std::size_t> naming;
    const auto found = entries_.find(key);
    if (found == entries_.end()) return naming;
    for (const std::size_t number : found->second.items)
        if (items_[number].value.find(text) != std::string::npos) naming.push_back(number);
    return naming;
}

std::vector<std::size_t> Draft::remove(std::string_view key, std::string_view text) {
    std::vector<std::size_t> naming = items_naming(key, text);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return naming;
    auto& items = found->second.value.items;
    std::erase_if(items, [&](const Node& item) { return item.text == text; });
    if (items.empty()) erase(key);
    return naming;
}

void Draft::approximate(std::size_t item, std::string_view note) {
    Item& target = items_[item];
    if (target.mapping == Mapping::Exact) {
        target.mapping = Mapping::Approximated;
        target.note.clear();
    }
    join(target.note, note);
}

void Draft::leave_out(std::size_t item, std::string_view reason) {
    Item& target = items_[item];
    if (target.mapping != Mapping::NotMapped) {
        target.mapping = Mapping::NotMapped;
        target.note.clear();
    }
    join(target.note, reason);
}

void Draft::explain(std::size_t item, std::string_view note) {
    if (items_[item].mapping == Mapping::Exact) join(items_[item].note, note);
}

void Draft::remark(std::string text) {
    if (std::find(remarks_.begin(), remarks_.end(), text) == remarks_.end())
        remarks_.push_back(std::move(text));
}

const Node* Draft::find(std::string_view key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
}

std::vector<std::string> Draft::comments_of(const Entry& entry) const {
    std::vector<std::string> lines;
    for (const std::size_t number : entry.items) {
        const Item& item = items_[number];
        lines.push_back(shown(item));
        if (item.mapping == Mapping::Approximated) lines.push_back("  nearly: " + item.note);
    }
    if (!entry.reason.empty()) lines.push_back(entry.reason);
    return lines;
}

unitfile::WrittenUnit Draft::written() const {
    unitfile::WrittenUnit unit;
    unit.kind = kind_;
    unit.head.push_back("Imported from " + source_ + ".");
    for (const std::string& remark : remarks_)
        unit.head.push_back(remark);
    bool first = true;
    for (const Item& item : items_) {
        const bool nowhere = item.mapping == Mapping::NotMapped ||
                             (item.mapping == Mapping::Approximated && item.keys.empty());
        if (!nowhere) continue;
        if (first) unit.head.insert(unit.head.end(), {"", "Left out:"});
        first = false;
        unit.head.push_back("  " + shown(item));
        unit.head.push_back("      " + item.note);
    }
    for (const auto& [key, entry] : entries_)
        unit.keys.push_back({key, entry.value, comments_of(entry)});
    return unit;
}

void Draft::refuse(const std::string& key, const std::string& reason) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    const std::vector<std::size_t> items = found->second.items;
    entries_.erase(found);
    for (const std::size_t number : items) {
        std::erase(items_[number].keys, key);
        // A directive with another key left has kept a part of its meaning.
        if (items_[number].keys.empty()) {
            leave_out(number, reason);
        } else {
            std::string note = "without ";
            note.append(key).append(": ").append(reason);
            approximate(number, note);
        }
    }
}

unitfile::Diagnostics Draft::judged(const std::string& text) const {
    unitfile::Diagnostics diagnostics;
    const std::string file = name_ + ".toml";
    // A template is judged as one of its instances.
    const std::string name = name_ + (name_.ends_with('@') ? "1" : "");
    if (kind_ == unitfile::Kind::Guest) {
        (void)unitfile::read_guest(text, file, name, diagnostics);
    } else {
        (void)unitfile::read_unit(text, file, name, diagnostics);
    }
    return diagnostics;
}

bool Draft::settle(const unitfile::WrittenText& text,
                   const Options& options,
                   ImportedUnit& result) {
    const bool only_supported = options.only_supported || kind_ == unitfile::Kind::Guest;
    const unitfile::Diagnostics diagnostics = judged(text.text);
    bool changed = false;
    result.not_yet.clear();
    for (const unitfile::Diagnostic& diagnostic : diagnostics.all()) {
        if (diagnostic.severity != unitfile::Severity::Error) continue;
        const bool not_yet = diagnostic.message.ends_with(kNotYet);
        const std::uint32_t line = diagnostic.place.line;
        bool known = false;
        for (const unitfile::WrittenLines& key : text.keys) {
            // "[files] is not supported yet" stands on the line of the table's heading.
            const bool in_table =
                not_yet && diagnostic.message.starts_with("[") &&
                key.key.starts_with(diagnostic.message.substr(1, diagnostic.message.find(']') - 1));
            if (!in_table && (line < key.first || line > key.last)) continue;
            known = true;
            if (not_yet && !only_supported) {
                result.not_yet.push_back(key.key);
            } else {
                refuse(key.key, not_yet ? key.key + " is not supported yet" : diagnostic.message);
                changed = true;
            }
        }
        if (!known) remark(diagnostic.message);
    }
    return changed;
}

ImportedUnit Draft::finish(const Options& options) {
    ImportedUnit result;
    result.name = name_;
    result.kind = kind_;
    result.source = source_;
    unitfile::WrittenText text = unitfile::write_unit(written());
    for (int round = 0; round < kRounds && settle(text, options, result); ++round)
        text = unitfile::write_unit(written());
    result.text = unitfile::write_unit(written()).text;
    result.items = items_;
    result.remarks = remarks_;
    return result;
}

} // namespace stead::importing
