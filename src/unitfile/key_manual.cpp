#include <vector>

#include "resources/table.h"
#include "unitfile/keys.h"
#include "unitfile/report.h"
#include "unitfile/suggest.h"

namespace stead::unitfile {

namespace {

/// Plain text as scdoc(5) wants it: some characters have a meaning there.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '*' || c == '_' || c == '\\' || c == '#') out += '\\';
        out += c;
    }
    return out;
}

/// The words of a key in bold, those that are not supported yet apart.
std::string choices(const Key& key) {
    std::vector<std::string> now;
    std::vector<std::string> later;
    std::string_view rest = key.words;
    while (!rest.empty()) {
        const auto bar = rest.find('|');
        const std::string_view word = rest.substr(0, bar);
        const bool planned = word.starts_with('-');
        (planned ? later : now).push_back("*" + escaped(word.substr(planned ? 1 : 0)) + "*");
        if (bar == std::string_view::npos) break;
        rest.remove_prefix(bar + 1);
    }
    std::string out = either(now);
    if (!later.empty()) out += " (not supported yet: " + either(later, " and ") + ")";
    return out;
}

const resources::Level* level_of(const Key& key) {
    const bool level = key.type == KeyType::Level || key.type == KeyType::Rlimit;
    return level ? resources::find_level(key.name) : nullptr;
}

/// "a, b" of "a|b".
std::string comma_list(std::string_view words) {
    std::string out;
    for (const char c : words)
        out += c == '|' ? std::string(", ") : std::string(1, c);
    return out;
}

/// Where the kernel has it, and what that takes.
std::string kernel_of(const Key& key) {
    const resources::Level* const level = level_of(key);
    if (level == nullptr) return {};
    std::string out = " Kernel: " + escaped(resources::object_name(*level));
    if (!level->needs.empty()) out += "; needs " + escaped(level->needs);
    return out + ".";
}

std::string kind_of_value(const Key& key) {
    if (key.type == KeyType::Word) return choices(key);
    if (const resources::Level* level = level_of(key))
        return escaped(level->words.empty() ? resources::describe(level->form)
                                            : "one of " + comma_list(level->words));
    std::string out = escaped(describe(key.type));
    const bool bounded = key.type == KeyType::Integer || key.type == KeyType::Number;
    if (bounded && key.high != INT64_MAX)
        out += " from " + std::to_string(key.low) + " to " + std::to_string(key.high);
    if (bounded && !key.words.empty()) out += " or " + choices(key);
    return out;
}

std::string entry(const Key& key) {
    std::string out = key.name == "*" ? "*NAME*" : "*" + escaped(key.name) + "*";
    if (!key.default_text.empty()) out += " = " + escaped(key.default_text);
    out += "\n\t" + escaped(key.doc) + ".\n\n\tValue: " + kind_of_value(key) + "." + kernel_of(key);
    if (key.expandable) out += " Expanded.";
    if (key.support == Support::NotYet) out += " Not supported yet.";
    return out + "\n\n";
}

std::string entries(const Schema& schema, std::string_view table) {
    std::string out;
    for (const Key& key : schema.keys) {
        if (key.table == table) out += entry(key);
    }
    return out;
}

/// "[socket.NAME]" of "socket.*".
std::string heading(const Table& table) {
    std::string name(table.name);
    if (name.ends_with('*')) name = name.substr(0, name.size() - 1) + "NAME";
    return "[" + escaped(name) + "]";
}

} // namespace

std::string render_keys_scdoc(Kind kind) {
    const Schema schema = kind == Kind::Unit ? unit_schema() : guest_schema();
    std::string out = "# KEYS ABOVE THE FIRST TABLE\n\n" + entries(schema, "");
    for (const Table& table : schema.tables) {
        out += "# " + heading(table) + "\n\n" + escaped(table.doc) + ".";
        if (!table.main_key.empty()) {
            out += " *" + escaped(table.name) + " = VALUE* stands for *" + escaped(table.name) +
                   "." + escaped(table.main_key) + " = VALUE*.";
        }
        out += "\n\n" + entries(schema, table.name);
    }
    while (out.ends_with("\n\n"))
        out.pop_back();
    return out;
}

} // namespace stead::unitfile
