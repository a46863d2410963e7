#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "unitfile/keys.h"

/// How rows of the table of keys are written down, and the rows that both file formats share.
namespace stead::unitfile {

constexpr Key now(std::string_view table,
                  std::string_view name,
                  KeyType type,
                  std::string_view default_text,
                  std::string_view doc) {
    return {table, name, type, default_text, doc};
}

constexpr Key later(std::string_view table,
                    std::string_view name,
                    KeyType type,
                    std::string_view default_text,
                    std::string_view doc) {
    return {table, name, type, default_text, doc, Support::NotYet};
}

constexpr Key expands(Key key) {
    key.expandable = true;
    return key;
}

constexpr Key words(Key key, std::string_view list) {
    key.words = list;
    return key;
}

constexpr Key within(Key key, std::int64_t low, std::int64_t high) {
    key.low = low;
    key.high = high;
    return key;
}

/// A duration or size that must not be zero.
constexpr Key nonzero(Key key) {
    key.low = 1;
    return key;
}

template <std::size_t First, std::size_t Second>
constexpr std::array<Key, First + Second> join(const std::array<Key, First>& first,
                                               const std::array<Key, Second>& second) {
    std::array<Key, First + Second> all{};
    for (std::size_t i = 0; i < First; ++i)
        all[i] = first[i];
    for (std::size_t i = 0; i < Second; ++i)
        all[First + i] = second[i];
    return all;
}

/// `before`, [limits] from the table of levels, `after`. Units lack the levels of their guest's
/// namespaces.
std::vector<Key>
with_limit_keys(std::span<const Key> before, std::span<const Key> after, bool for_guests);

} // namespace stead::unitfile
