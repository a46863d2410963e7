#pragma once

#include <cstddef>
#include <string_view>

namespace stead {

/// How many bytes at the start of `text` (not empty) are one character that is safe to show on a
/// terminal: printable, well-formed UTF-8; tabs count. 0: the first byte is none, show it as \xNN.
/// Control characters of either kind and those that turn the reading direction are never safe.
std::size_t printable_length(std::string_view text);

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

} // namespace stead
