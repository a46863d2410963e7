#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "unitfile/suggest.h"
#include "unitfile/value.h"

namespace stead::unitfile {

struct FoundKeys {
    std::vector<FoundKey> keys;
    /// Names of keys that messages were about: what was misplaced, or probably meant.
    std::set<std::string, std::less<>> mentioned;
};

/// The keys of a file that are known and supported, in the order written; those that say only what
/// holds anyway (an empty text or list) are left out. Everything else has been reported: unknown
/// keys, keys in the wrong table, keys that are not supported yet, values where a table must be.
/// Tables named x-... are stepped over. `prefix` is "unit.redis." for the units of a guest file.
FoundKeys
find_keys(const Schema& schema, const Node& root, const std::string& prefix, Reporter& reporter);

} // namespace stead::unitfile
