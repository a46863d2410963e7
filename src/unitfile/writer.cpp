#include "unitfile/writer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <tuple>
#include <utility>

#include "unitfile/keys.h"

namespace stead::unitfile {

namespace {

/// A list whose line would be longer is written with one item a line.
constexpr std::size_t kLineLength = 100;

void append_escaped(std::string& out, const char* form, unsigned char byte) {
    std::array<char, 8> text{};
    (void)std::snprintf(text.data(), text.size(), form, byte);
    out += text.data();
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

std::string quoted_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (is_control(c)) {
            append_escaped(out, "\\u%04X", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
    return out + "\"";
}

bool is_bare(std::string_view key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

std::string key_text(std::string_view key) {
    return is_bare(key) ? std::string(key) : quoted_text(key);
}

std::string number_text(double number) {
    std::array<char, 40> text{};
    (void)std::snprintf(text.data(), text.size(), "%.6g", number);
    std::string out = text.data();
    // TOML tells an integer from a number by the point.
    if (out.find_first_of(".en") == std::string::npos) out += ".0";
    return out;
}

/// A key's table, its name there as TOML, and its position in the table of keys.
struct PlacedKey {
    const WrittenKey* key = nullptr;
    std::string table;
    std::string name;
    std::size_t rank = 0;
};

/// The tables of a kind of file, and the order of what is in them.
class KeyLayout {
public:
    explicit KeyLayout(Kind kind)
        : guest_(kind == Kind::Guest)
        , tables_(guest_ ? guest_tables() : unit_tables()) {}

    [[nodiscard]] PlacedKey place(const WrittenKey& key) const {
        const auto first = key.key.find('.');
        if (first == std::string::npos || !is_table(std::string_view(key.key).substr(0, first))) {
            PlacedKey placed{&key, {}, key_text(key.key), rank_of(keys(), key.key)};
            // A table among the plain keys would swallow those below it: it comes after them.
            if (key.value.is(NodeType::Table)) placed.table = key.key;
            return placed;
        }
        if (key.key.starts_with("socket.")) {
            const auto end = key.key.rfind('.');
            const std::string name = key.key.substr(end + 1);
            return {&key, key.key.substr(0, end), key_text(name),
                    rank_of(keys(), "socket.*." + name)};
        }
        if (guest_ && key.key.starts_with("unit.")) return inner_unit(key, first);
        const std::string name = key.key.substr(first + 1);
        return {&key, key.key.substr(0, first), key_text(name), rank_of(keys(), key.key)};
    }

    [[nodiscard]] std::size_t table_rank(const PlacedKey& placed) const {
        for (std::size_t i = 0; i < tables_.size(); ++i) {
            if (tables_[i].name == placed.table || is_of_family(tables_[i].name, placed.table))
                return i + 1;
        }
        // `environment` and its like stand before the tables proper.
        return 0;
    }

private:
    [[nodiscard]] std::span<const Key> keys() const { return guest_ ? guest_keys() : unit_keys(); }

    static bool is_of_family(std::string_view family, std::string_view table) {
        return family.ends_with(".*") && table.starts_with(family.substr(0, family.size() - 1));
    }

    [[nodiscard]] bool is_table(std::string_view name) const {
        return std::any_of(tables_.begin(), tables_.end(), [&](const Table& table) {
            return table.name == name || is_of_family(table.name, std::string(name) + ".");
        });
    }

    static std::size_t rank_of(std::span<const Key> keys, std::string_view name) {
        std::string any(name.substr(0, name.find('.')));
        any += ".*";
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const std::string known = full_name(keys[i]);
            if (known == name || known == any) return i;
        }
        return keys.size();
    }

    /// "unit.web.stop.signal" stands in [unit.web] as stop.signal.
    static PlacedKey inner_unit(const WrittenKey& key, std::size_t first) {
        const auto second = std::min(key.key.find('.', first + 1), key.key.size() - 1);
        const std::string full = key.key.substr(second + 1);
        std::string name;
        for (std::string_view rest = full; !rest.empty();) {
            const auto dot = std::min(rest.find('.'), rest.size());
            name += (name.empty() ? "" : ".") + key_text(rest.substr(0, dot));
            rest.remove_prefix(std::min(dot + 1, rest.size()));
        }
        return {&key, key.key.substr(0, second), name, rank_of(unit_keys(), full)};
    }

    bool guest_;
    std::span<const Table> tables_;
};

class Writer {
public:
    explicit Writer(const WrittenUnit& unit)
        : unit_(unit)
        , layout_(unit.kind) {}

    WrittenText write() {
        comment(unit_.head);
        std::vector<PlacedKey> placed;
        for (const WrittenKey& key : unit_.keys)
            placed.push_back(layout_.place(key));
        std::stable_sort(placed.begin(), placed.end(), [&](const PlacedKey& a, const PlacedKey& b) {
            return std::tuple(!a.table.empty(), layout_.table_rank(a), a.table, a.rank) <
                   std::tuple(!b.table.empty(), layout_.table_rank(b), b.table, b.rank);
        });
        std::string table;
        for (const PlacedKey& next : placed) {
            if (next.table != table) {
                table = next.table;
                heading(table);
            }
            take(next);
        }
        return std::move(out_);
    }

private:
    void line(std::string_view text) {
        out_.text += text;
        out_.text += '\n';
        line_ += 1;
    }

    void comment(const std::vector<std::string>& lines) {
        for (const std::string& text : lines) {
            std::string safe = text.empty() ? "#" : "# ";
            for (const char c : text) {
                if (is_control(c)) {
                    append_escaped(safe, "\\x%02x", static_cast<unsigned char>(c));
                } else {
                    safe += c;
                }
            }
            line(safe);
        }
    }

    void heading(const std::string& table) {
        if (!out_.text.empty()) line("");
        const auto dot = table.find('.');
        if (dot == std::string::npos) return line("[" + key_text(table) + "]");
        line("[" + table.substr(0, dot) + "." + key_text(std::string_view(table).substr(dot + 1)) +
             "]");
    }

    void take(const PlacedKey& placed) {
        const WrittenKey& key = *placed.key;
        const bool said =
            last_ != nullptr && last_table_ == placed.table && last_->comments == key.comments;
        last_ = &key;
        last_table_ = placed.table;
        if (!said) introduce(key);
        const std::uint32_t first = line_ + 1;
        if (key.value.is(NodeType::Table) && placed.table == key.key) {
            for (const Member& member : key.value.members)
                assign(key_text(member.key), member.value);
        } else {
            assign(placed.name, key.value);
        }
        out_.keys.push_back({key.key, first, line_});
    }

    /// What stands above a key; what stands above several is written once.
    void introduce(const WrittenKey& key) {
        if (!key.comments.empty() && !out_.text.empty() && !out_.text.ends_with("]\n") &&
            !out_.text.ends_with("\n\n"))
            line("");
        comment(key.comments);
    }

    void assign(const std::string& name, const Node& value) {
        const std::string whole = name + " = " + toml_of(value);
        if (!value.is(NodeType::List) || value.items.size() < 2 || whole.size() <= kLineLength)
            return line(whole);
        line(name + " = [");
        for (const Node& item : value.items)
            line("    " + toml_of(item) + ",");
        line("]");
    }

    const WrittenUnit& unit_;
    KeyLayout layout_;
    const WrittenKey* last_ = nullptr;
    std::string last_table_;
    WrittenText out_;
    std::uint32_t line_ = 0;
};

} // namespace

std::string toml_of(const Node& value) {
    switch (value.type) {
    case NodeType::String:
    case NodeType::Time:
        return quoted_text(value.text);
    case NodeType::Integer:
        return std::to_string(value.integer);
    case NodeType::Number:
        return number_text(value.number);
    case NodeType::Boolean:
        return value.boolean ? "true" : "false";
    case NodeType::List: {
        std::string out;
        for (const Node& item : value.items)
            out += (out.empty() ? "" : ", ") + toml_of(item);
        return "[" + out + "]";
    }
    case NodeType::Table: {
        std::string out;
        for (const Member& member : value.members)
            out +=
                (out.empty() ? " " : ", ") + key_text(member.key) + " = " + toml_of(member.value);
        return out.empty() ? "{}" : "{" + out + " }";
    }
    }
    return {};
}

WrittenText write_unit(const WrittenUnit& unit) {
    return Writer(unit).write();
}

Node text_node(std::string text) {
    Node node;
    node.type = NodeType::String;
    node.text = std::move(text);
    return node;
}

Node integer_node(std::int64_t integer) {
    Node node;
    node.type = NodeType::Integer;
    node.integer = integer;
    return node;
}

Node number_node(double number) {
    Node node;
    node.type = NodeType::Number;
    node.number = number;
    return node;
}

Node boolean_node(bool boolean) {
    Node node;
    node.type = NodeType::Boolean;
    node.boolean = boolean;
    return node;
}

Node list_node(const std::vector<std::string>& texts) {
    Node node;
    node.type = NodeType::List;
    for (const std::string& text : texts)
        node.items.push_back(text_node(text));
    return node;
}

Node table_node() {
    return {};
}

} // namespace stead::unitfile
