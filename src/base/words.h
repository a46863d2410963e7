#pragma once

#include <cstddef>
#include <string_view>

/// The parts of a text; and fixed lists of words, as one text in which each word ends with a NUL:
/// "HUP\0INT\0QUIT\0". In a table of views each word would take sixteen bytes more.
namespace stead {

/// What of `text` stands before the first `separator`; all of it without one.
std::string_view part_before(std::string_view text, char separator);

/// The same, and takes it away from `rest`, with the separator.
std::string_view take_part(std::string_view& rest, char separator);

/// The word at `index`; empty behind the last one.
std::string_view word_at(const char* words, std::size_t index);

/// The index of `word`, or -1 if it is none of them.
int find_word(const char* words, std::string_view word);

} // namespace stead
