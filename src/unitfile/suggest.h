#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "unitfile/keys.h"

namespace stead::unitfile {

/// The keys and tables of one file format.
struct Schema {
    Kind kind = Kind::Unit;
    std::span<const Key> keys;
    std::span<const Table> tables;
};

Schema unit_schema();
Schema guest_schema();

/// A key's table and name, both as the file has them; `prefix` is "unit.redis." for the units of a
/// guest file.
struct KeyPath {
    std::string_view table;
    std::string_view name;
    std::string_view prefix;
};

struct Advice {
    std::string message;
    /// Empty: none.
    std::string hint;
    /// The key that was misplaced or probably meant, by its full name as far as it is known.
    std::string about;
};

/// What to say about a key that its table does not have: where it belongs, or which known key it
/// resembles.
Advice advise(const Schema& schema, const KeyPath& path);

/// How many letters must be changed, added, left out or swapped with their neighbour to make `b` of
/// `a`; more than `limit` counts as `limit` + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

} // namespace stead::unitfile
