#include "base/words.h"

#include <algorithm>

namespace stead {

std::string_view part_before(std::string_view text, char separator) {
    return take_part(text, separator);
}

std::string_view take_part(std::string_view& rest, char separator) {
    const std::size_t size = std::min(rest.find(separator), rest.size());
    const std::string_view part = rest.substr(0, size);
    rest.remove_prefix(std::min(size + 1, rest.size()));
    return part;
}

std::string_view word_at(const char* words, std::size_t index) {
    std::string_view word = words;
    for (; index > 0 && !word.empty(); --index)
        word = word.data() + word.size() + 1;
    return word;
}

int find_word(const char* words, std::string_view word) {
    std::string_view other = words;
    for (int index = 0; !other.empty(); ++index) {
        if (other == word) return index;
        other = other.data() + other.size() + 1;
    }
    return -1;
}

} // namespace stead
