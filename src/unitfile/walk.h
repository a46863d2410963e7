#pragma once

#include <functional>
#include <string>
#include <vector>

#include "unitfile/suggest.h"
#include "unitfile/value.h"

namespace stead::unitfile {

/// The keys of a file that are known and supported, in the order written. Everything else has been
/// reported: unknown keys, keys in the wrong table, keys that are not supported yet, values where a
/// table must be. Tables named x-... are stepped over. `prefix` is "unit.redis." for the units of a
/// guest file.
std::vector<FoundKey>
find_keys(const Schema& schema, const Node& root, const std::string& prefix, Reporter& reporter);

} // namespace stead::unitfile
