#include <map>
#include <set>

#include <gtest/gtest.h>

#include "unitfile/drafts.h"
#include "unitfile/keys.h"
#include "unitfile/suggest.h"

namespace stead::unitfile {

namespace {

bool has_table(std::span<const Table> tables, std::string_view name) {
    for (const Table& table : tables) {
        if (table.name == name) return true;
    }
    return false;
}

void expect_sound(const Schema& schema) {
    std::set<std::string> names;
    for (const Key& key : schema.keys) {
        EXPECT_TRUE(names.insert(full_name(key)).second) << full_name(key) << " is there twice";
        EXPECT_FALSE(key.doc.empty()) << full_name(key);
        EXPECT_NE(describe(key.type), "a value") << full_name(key);
        EXPECT_FALSE(key.doc.ends_with('.')) << full_name(key);
        EXPECT_TRUE(key.doc.front() >= 'A' && key.doc.front() <= 'Z') << full_name(key);
        EXPECT_TRUE(key.type != KeyType::Word || !key.words.empty()) << full_name(key);
        EXPECT_TRUE(key.table.empty() || has_table(schema.tables, key.table)) << key.table;
    }
    for (const Table& table : schema.tables) {
        if (table.main_key.empty()) continue;
        EXPECT_TRUE(names.contains(std::string(table.name) + "." + std::string(table.main_key)))
            << table.name;
    }
}

template <typename Draft>
void expect_bound(std::span<const Key> keys, std::span<const Binding<Draft>> bindings) {
    std::set<std::string> used;
    for (const Key& key : keys) {
        const Binding<Draft>* const binding = find_binding(bindings, key);
        // A whole table's binding also matches keys of it that are not supported yet.
        if (key.support == Support::Now) {
            EXPECT_NE(binding, nullptr) << full_name(key) << " is read and thrown away";
        } else if (binding != nullptr) {
            EXPECT_TRUE(binding->key.ends_with(".*")) << full_name(key);
        }
        if (binding != nullptr) used.insert(std::string(binding->key));
    }
    for (const Binding<Draft>& binding : bindings)
        EXPECT_TRUE(used.contains(std::string(binding.key))) << binding.key << " is no key";
}

} // namespace

TEST(TableOfKeys, IsSound) {
    expect_sound(unit_schema());
    expect_sound(guest_schema());
}

TEST(TableOfKeys, HasAPlaceForEveryValueItReads) {
    expect_bound(unit_keys(), unit_bindings());
    expect_bound(guest_keys(), guest_bindings());
}

TEST(TableOfKeys, MakesAManualWithEveryKey) {
    for (const Kind kind : {Kind::Unit, Kind::Guest}) {
        const Schema schema = kind == Kind::Unit ? unit_schema() : guest_schema();
        const std::string manual = render_keys_scdoc(kind);
        for (const Key& key : schema.keys) {
            const std::string name = key.name == "*" ? "*NAME*" : "*" + std::string(key.name) + "*";
            EXPECT_NE(manual.find("\n" + name), std::string::npos) << full_name(key);
        }
        EXPECT_EQ(manual.find("\n\n\n"), std::string::npos);
    }
    const std::string units = render_keys_scdoc(Kind::Unit);
    EXPECT_NE(
        units.find("*policy* = \"on-failure\"\n\tAfter which ends the unit is started again."),
        std::string::npos);
    EXPECT_NE(units.find("# [socket.NAME]\n"), std::string::npos);
    EXPECT_NE(units.find("*restart = VALUE* stands for *restart.policy = VALUE*."),
              std::string::npos);
}

} // namespace stead::unitfile
