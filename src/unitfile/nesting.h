#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "unitfile/document.h"

namespace stead::unitfile {

/// The place where TOML text nests deeper than `limit`, by brackets or by dots of a key. The TOML
/// library recurses for each level when it destroys a tree and bounds brackets only, so a megabyte
/// of "a.a.a" would overflow the stack; this looks first. On text that is no TOML the answer may be
/// off behind the first grammar error, where the library stops anyway.
std::optional<Position> find_deep_nesting(std::string_view text, std::size_t limit);

} // namespace stead::unitfile
