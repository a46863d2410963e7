#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stead::init {

/// The only text PID 1 reads: bounded decimal numbers, one character after the other. A number ends
/// at the first character that is no digit; one of more than 18 digits is none.
class DigitReader {
public:
    std::optional<std::int64_t> feed(char c) {
        if (c >= '0' && c <= '9') {
            bad_ = bad_ || count_ == kMostDigits;
            if (bad_) return std::nullopt;
            value_ = value_ * 10 + (c - '0');
            ++count_;
            return std::nullopt;
        }
        const bool whole = count_ > 0 && !bad_;
        const std::int64_t value = value_;
        value_ = 0;
        count_ = 0;
        bad_ = false;
        if (!whole) return std::nullopt;
        return value;
    }

private:
    static constexpr int kMostDigits = 18;

    std::int64_t value_ = 0;
    int count_ = 0;
    bool bad_ = false;
};

/// All of `text` as one number; nothing if it is anything else.
inline std::optional<std::int64_t> whole_number(std::string_view text) {
    if (text.empty()) return std::nullopt;
    DigitReader digits;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        (void)digits.feed(c);
    }
    return digits.feed('\n');
}

} // namespace stead::init
