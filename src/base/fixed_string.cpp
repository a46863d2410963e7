#include "base/fixed_string.h"

#include <algorithm>

namespace stead::detail {

void append_bytes(char* bytes, std::size_t capacity, TextEnd& end, std::string_view text) {
    const std::size_t count = std::min(capacity - end.size, text.size());
    std::copy_n(text.data(), count, bytes + end.size);
    end.size += static_cast<std::uint32_t>(count);
    bytes[end.size] = '\0';
    if (count < text.size()) end.truncated = true;
}

void append_decimal(char* bytes, std::size_t capacity, TextEnd& end, long long value) {
    std::array<char, 24> digits;
    std::size_t at = digits.size();
    auto rest = value < 0 ? 0ULL - static_cast<unsigned long long>(value)
                          : static_cast<unsigned long long>(value);
    do {
        digits[--at] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) digits[--at] = '-';
    append_bytes(bytes, capacity, end, {digits.data() + at, digits.size() - at});
}

} // namespace stead::detail
