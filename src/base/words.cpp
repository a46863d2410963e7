#include "base/words.h"

namespace stead {

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
