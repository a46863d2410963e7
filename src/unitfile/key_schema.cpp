#include <array>
#include <string>

#include <nlohmann/json.hpp>

#include "unitfile/keys.h"
#include "unitfile/suggest.h"

namespace stead::unitfile {

namespace {

/// With the keys in the order in which they are written down.
using Json = nlohmann::ordered_json;

Json text() {
    return {{"type", "string"}};
}

Json list_of(Json item) {
    return {{"type", "array"}, {"items", std::move(item)}};
}

Json table_of(Json item) {
    return {{"type", "object"}, {"additionalProperties", std::move(item)}};
}

Json any_of(std::initializer_list<Json> forms) {
    return {{"anyOf", Json(std::vector<Json>(forms))}};
}

Json text_or_number() {
    return {{"type", {"string", "integer"}}};
}

Json command() {
    return any_of({text(), list_of(text())});
}

/// The words that act today.
std::vector<std::string> words_of(const Key& key) {
    std::vector<std::string> words;
    std::string_view rest = key.words;
    while (!rest.empty()) {
        const std::string_view word = rest.substr(0, rest.find('|'));
        if (!word.starts_with('-')) words.emplace_back(word);
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
    return words;
}

Json number(const Key& key, const char* type) {
    Json form = {{"type", type}, {"minimum", key.low}};
    if (key.high != INT64_MAX) form["maximum"] = key.high;
    const auto words = words_of(key);
    return words.empty() ? form : any_of({form, {{"enum", words}}});
}

/// What TOML value a key takes. Of a type that is not named here anything is right: what is inside
/// a text is judged by `stead check`, which knows the guest.
// NOLINTNEXTLINE(readability-function-size): a line for each type
Json form_of(const Key& key) {
    switch (key.type) {
    case KeyType::Boolean:
        return {{"type", "boolean"}};
    case KeyType::Integer:
        return number(key, "integer");
    case KeyType::Number:
        return number(key, "number");
    case KeyType::Word:
        return {{"enum", words_of(key)}};
    case KeyType::Mode:
        return {{"type", "string"}, {"pattern", "^[0-7]+$"}};
    case KeyType::String:
    case KeyType::Path:
    case KeyType::UnitName:
    case KeyType::HostName:
    case KeyType::ErrorName:
    case KeyType::Address:
    case KeyType::Outcome:
    case KeyType::Url:
    case KeyType::IoPriority:
    case KeyType::CpuPolicy:
    case KeyType::Processors:
    case KeyType::Credential:
    case KeyType::Terminal:
    case KeyType::Output:
    case KeyType::IdRange:
        return text();
    case KeyType::Duration:
    case KeyType::Size:
    case KeyType::Signal:
    case KeyType::User:
    case KeyType::Rlimit:
        return text_or_number();
    case KeyType::Level:
        return {{"type", {"string", "integer", "number", "boolean", "array"}}};
    case KeyType::Strings:
    case KeyType::Paths:
    case KeyType::UnitNames:
    case KeyType::SubPaths:
    case KeyType::Listens:
    case KeyType::Capabilities:
    case KeyType::SystemCalls:
    case KeyType::Variables:
    case KeyType::Splice:
    case KeyType::EnvironmentFiles:
    case KeyType::OptionalPaths:
    case KeyType::ConditionPaths:
    case KeyType::ConditionVariables:
    case KeyType::ConditionCapabilities:
    case KeyType::ConditionMachines:
    case KeyType::Sockets:
    case KeyType::Schedule:
    case KeyType::Binds:
        return list_of(text());
    case KeyType::Users:
    case KeyType::ExitCodes:
        return list_of(text_or_number());
    case KeyType::OneOrMore:
        return any_of({text(), list_of(text())});
    case KeyType::Command:
        return command();
    case KeyType::Commands:
        return any_of({text(), list_of(command())});
    case KeyType::Environment:
    case KeyType::SignalMap:
        return table_of(text());
    case KeyType::ExitMap:
        return table_of({{"type", "integer"}, {"minimum", 0}, {"maximum", 255}});
    case KeyType::Landlock:
        return table_of({{"type", "array"}});
    case KeyType::Instances:
        return any_of({{{"type", "integer"}, {"minimum", 1}}, list_of(text())});
    default:
        return Json::object();
    }
}

Json describe_key(const Key& key) {
    Json form = form_of(key);
    std::string description(key.doc);
    if (!key.default_text.empty())
        description += " (default: " + std::string(key.default_text) + ")";
    form["description"] = description + ".";
    return form;
}

/// The object that holds `properties`; tables named x-... are the user's own.
Json object(Json properties) {
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"patternProperties", {{"^x-", {{"type", "object"}}}}},
            {"additionalProperties", false}};
}

/// The keys of a table that act today; "*" stands for any name.
Json keys_of(const Schema& schema, std::string_view table) {
    Json properties = Json::object();
    Json rest = nullptr;
    for (const Key& key : schema.keys) {
        if (key.table != table || key.support == Support::NotYet) continue;
        if (key.name == "*")
            rest = describe_key(key);
        else
            properties[std::string(key.name)] = describe_key(key);
    }
    Json form = object(std::move(properties));
    if (!rest.is_null()) form["additionalProperties"] = std::move(rest);
    return form;
}

const Key* main_key_of(const Schema& schema, const Table& table) {
    for (const Key& key : schema.keys)
        if (key.table == table.name && key.name == table.main_key) return &key;
    return nullptr;
}

Json table_form(const Schema& schema, const Table& table) {
    Json form = keys_of(schema, table.name);
    if (table.name.ends_with(".*")) form = table_of(std::move(form));
    if (const Key* main = main_key_of(schema, table); main != nullptr)
        form = any_of({std::move(form), describe_key(*main)});
    form["description"] = std::string(table.doc) + ".";
    return form;
}

bool has_keys(const Json& form) {
    return !form["properties"].empty() || form["additionalProperties"] != false;
}

Json file_form(const Schema& schema) {
    Json form = keys_of(schema, "");
    for (const Table& table : schema.tables) {
        if (!has_keys(keys_of(schema, table.name))) continue;
        const std::string_view name = table.name.substr(0, table.name.find('.'));
        form["properties"][std::string(name)] = table_form(schema, table);
    }
    return form;
}

} // namespace

std::string render_json_schema(Kind kind) {
    const bool unit = kind == Kind::Unit;
    Json form = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", unit ? "A unit of Stead" : "A guest of Stead"}};
    form.update(file_form(unit ? unit_schema() : guest_schema()));
    if (!unit) {
        Json units = table_of(file_form(unit_schema()));
        units["description"] = "The units of a jail, with the keys of a unit file.";
        form["properties"]["unit"] = std::move(units);
    }
    constexpr int kIndent = 2;
    return form.dump(kIndent) + "\n";
}

} // namespace stead::unitfile
