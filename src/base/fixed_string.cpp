#include "base/fixed_string.h"

#include <algorithm>

namespace stead::detail {

TextHead& append(TextHead& text, std::string_view more, std::size_t capacity) {
    const std::size_t count = std::min(capacity - text.size, more.size());
    char* bytes = reinterpret_cast<char*>(&text + 1);
    std::copy_n(more.data(), count, bytes + text.size);
    text.size += static_cast<std::uint32_t>(count);
    bytes[text.size] = '\0';
    if (count < more.size()) text.truncated = true;
    return text;
}

TextHead& append(TextHead& text, const char* more, std::size_t capacity) {
    return append(text, std::string_view(more), capacity);
}

TextHead& append_decimal(TextHead& text, long long value, std::size_t capacity) {
    std::array<char, 24> digits;
    std::size_t at = digits.size();
    auto rest = value < 0 ? 0ULL - static_cast<unsigned long long>(value)
                          : static_cast<unsigned long long>(value);
    do {
        digits[--at] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) digits[--at] = '-';
    return append(text, {digits.data() + at, digits.size() - at}, capacity);
}

} // namespace stead::detail
