#include "unitfile/walk.h"

#include <algorithm>

namespace stead::unitfile {

namespace {

/// [unit.NAME]: read with a schema of its own, by the reader of guest files.
constexpr std::string_view kUnits = "unit";

class Walker {
public:
    Walker(const Schema& schema, const std::string& prefix, Reporter& reporter)
        : schema_(schema)
        , prefix_(prefix)
        , reporter_(reporter) {}

    FoundKeys walk(const Node& root) {
        for (const Member& member : root.members) {
            if (is_private(member)) continue;
            if (schema_.kind == Kind::Guest && member.key == kUnits) continue;
            if (const Table* table = find_table(member.key)) {
                take_table(*table, member);
            } else {
                take_key("", member, member.key);
            }
        }
        return std::move(found_);
    }

private:
    /// x-... tables are the user's own.
    static bool is_private(const Member& member) {
        return member.key.starts_with("x-") && member.value.is(NodeType::Table);
    }

    /// The row of table `name`; for "socket" that of "socket.*".
    [[nodiscard]] const Table* find_table(std::string_view name) const {
        for (const Table& table : schema_.tables) {
            const bool family = table.name.ends_with(".*");
            if (table.name.substr(0, table.name.size() - (family ? 2 : 0)) == name) return &table;
        }
        return nullptr;
    }

    [[nodiscard]] const Key* find_key(std::string_view table, std::string_view name) const {
        for (const Key& key : schema_.keys) {
            if (key.table == table && (key.name == name || key.name == "*")) return &key;
        }
        return nullptr;
    }

    /// An empty text or list where that is the default: as good as not written.
    static bool is_empty_default(const Key& key, const Node& node) {
        if (node.is(NodeType::String)) return node.text.empty() && key.default_text == "\"\"";
        return node.is(NodeType::List) && node.items.empty() && key.default_text == "[]";
    }

    [[nodiscard]] bool is_supported(const Table& table) const {
        return std::any_of(schema_.keys.begin(), schema_.keys.end(), [&](const Key& key) {
            return key.table == table.name && key.support == Support::Now;
        });
    }

    void take_table(const Table& table, const Member& member) {
        const bool named = table.name.ends_with(".*");
        const std::string shown = "[" + prefix_ + member.key + (named ? ".NAME]" : "]");
        // One message for the table, not one for each of its keys.
        if (!is_supported(table))
            return reporter_.error(member.at, shown + " is not supported yet");
        if (member.value.is(NodeType::Table)) {
            for (const Member& inner : member.value.members) {
                if (is_private(inner)) continue;
                const std::string name = member.key + "." + inner.key;
                if (named)
                    take_named(table, inner, name);
                else
                    take_key(table.name, inner, name);
            }
            return;
        }
        if (table.main_key.empty()) {
            return reporter_.error(
                member.value.at, member.key + " is " + unitfile::shown(member.value) +
                                     "; it is a table, so write " + shown + " and its keys below");
        }
        const Key* const key = find_key(table.name, table.main_key);
        accept(*key, member, member.key);
    }

    /// [socket.NAME]
    void take_named(const Table& table, const Member& member, const std::string& name) {
        const std::string_view family = table.name.substr(0, table.name.size() - 2);
        if (!member.value.is(NodeType::Table)) {
            return reporter_.error(member.at, "'" + name + "' is no table; write [" + prefix_ +
                                                  std::string(family) +
                                                  ".NAME] and its keys below");
        }
        for (const Member& inner : member.value.members)
            if (!is_private(inner)) take_key(table.name, inner, name + "." + inner.key);
    }

    void take_key(std::string_view table, const Member& member, const std::string& name) {
        const Key* const key = find_key(table, member.key);
        if (key != nullptr) return accept(*key, member, name);
        if (reporter_.crowded()) return reporter_.error(member.at, "unknown key");
        if (member.key.starts_with("x-")) {
            return reporter_.error(member.at, "unknown key '" + member.key + "'",
                                   {{"only tables named x-... are left alone", {}}});
        }
        Advice advice = advise(schema_, {table, member.key, prefix_});
        std::vector<Note> notes;
        found_.mentioned.insert(std::move(advice.about));
        if (!advice.hint.empty()) notes.push_back({advice.hint, {}});
        reporter_.error(member.at, advice.message, std::move(notes));
    }

    void accept(const Key& key, const Member& member, const std::string& name) {
        if (key.support == Support::NotYet)
            return reporter_.error(member.at, name + " is not supported yet");
        if (!is_empty_default(key, member.value))
            found_.keys.push_back({&key, name, &member.value});
    }

    const Schema& schema_;
    const std::string& prefix_;
    Reporter& reporter_;
    FoundKeys found_;
};

} // namespace

FoundKeys
find_keys(const Schema& schema, const Node& root, const std::string& prefix, Reporter& reporter) {
    return Walker(schema, prefix, reporter).walk(root);
}

} // namespace stead::unitfile
