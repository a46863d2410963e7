#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "unitfile/value.h"

/// Puts a value that was read into the field of a spec it is for.
namespace stead::unitfile {

template <typename T>
struct IsPlaced : std::false_type {};

template <typename T>
struct IsPlaced<Placed<T>> : std::true_type {};

template <typename T>
struct IsOptional : std::false_type {};

template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <typename Field>
void store(Field& field, Value& value, const Place& place) {
    if constexpr (std::is_same_v<Field, Text>) {
        field = std::move(std::get<Text>(value));
    } else if constexpr (std::is_same_v<Field, std::string>) {
        field = std::move(std::get<Text>(value).value);
    } else if constexpr (IsPlaced<Field>::value) {
        store(field.value, value, place);
        field.place = place;
    } else if constexpr (IsOptional<Field>::value) {
        typename Field::value_type inner{};
        store(inner, value, place);
        field = inner;
    } else if constexpr (std::is_enum_v<Field>) {
        // The words of such a key stand in the order of the enumerators.
        field = static_cast<Field>(std::get<WordIndex>(value).index);
    } else if constexpr (std::is_same_v<Field, std::uint64_t>) {
        field = std::get<SizeValue>(value).bytes;
    } else if constexpr (std::is_integral_v<Field> && !std::is_same_v<Field, bool>) {
        // The key's range has been checked, and fits the field.
        if (const auto* mode = std::get_if<ModeValue>(&value)) {
            field = static_cast<Field>(mode->mode);
        } else if (const auto* signal = std::get_if<SignalValue>(&value)) {
            field = static_cast<Field>(signal->number);
        } else {
            field = static_cast<Field>(std::get<std::int64_t>(value));
        }
    } else {
        field = std::move(std::get<Field>(value));
    }
}

/// A key's full name, and what to do with its value. "limits.*" stands for all keys of a table.
template <typename Draft>
struct Binding {
    std::string_view key;
    void (*set)(Draft& draft, const Key& key, Value& value, const Place& place);
};

/// A Binding that fills `Member` of the draft's spec.
template <typename Draft, auto Member>
constexpr Binding<Draft> binds(std::string_view key) {
    return {key, [](Draft& draft, const Key&, Value& value, const Place& place) {
                store(draft.spec.*Member, value, place);
            }};
}

/// The binding of `key`: its own, or that of its whole table.
template <typename Draft>
const Binding<Draft>* find_binding(std::span<const Binding<Draft>> bindings, const Key& key) {
    const std::string full = full_name(key);
    const std::string whole = std::string(key.table) + ".*";
    for (const Binding<Draft>& binding : bindings) {
        if (binding.key == full || binding.key == whole) return &binding;
    }
    return nullptr;
}

template <typename Draft>
void store_limit(Draft& draft, const Key&, Value& value, const Place&) {
    if (auto* limit = std::get_if<RlimitSpec>(&value)) {
        draft.spec.rlimits.push_back(std::move(*limit));
    } else {
        draft.spec.levels.push_back(std::move(std::get<LevelSpec>(value)));
    }
}

} // namespace stead::unitfile
