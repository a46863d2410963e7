#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stead::cli {

/// Characters of a UTF-8 text: near enough its columns.
std::size_t columns(std::string_view text);

/// At most `longest` characters of a UTF-8 text; the last of them is "…" where something was cut.
std::string shorten(std::string_view text, std::size_t longest);

/// `text` in exactly `width` characters: cut, or filled up with blanks behind (or, `right`, before)
/// it.
std::string fitted(std::string_view text, std::size_t width, bool right = false);

/// "512 B", "14.2 MB", "3.1 GB": bytes in steps of 1024.
std::string size_words(std::int64_t bytes);

} // namespace stead::cli
