#include "base/printable.h"

#include <array>

namespace stead {

namespace {

/// Length of the UTF-8 sequence that `first` begins; 0 if it begins none.
std::size_t sequence_length(unsigned char first) {
    if (first >= 0xc2 && first < 0xe0) return 2;
    if (first >= 0xe0 && first < 0xf0) return 3;
    if (first >= 0xf0 && first < 0xf5) return 4;
    return 0;
}

/// C1 controls act like escapes; surrogates are no characters; line separators and bidirectional
/// controls make a line read otherwise than it is.
bool is_harmful(char32_t point) {
    return point < 0xa0 || (point >= 0xd800 && point < 0xe000) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           point > 0x10ffff;
}

} // namespace

std::size_t printable_length(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first == '\t' || (first >= 0x20 && first < 0x7f)) return 1;
    const std::size_t length = sequence_length(first);
    if (length == 0 || text.size() < length) return 0;

    // The first byte of a sequence of n bytes carries 7 - n bits of the character.
    char32_t point = first & (0x7fU >> length);
    for (std::size_t at = 1; at < length; ++at) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if ((byte & 0xc0U) != 0x80) return 0;
        point = point << 6U | (byte & 0x3fU);
    }
    constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[length] || is_harmful(point)) return 0;
    return length;
}

} // namespace stead
