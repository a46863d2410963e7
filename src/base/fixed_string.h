#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace stead {

/// Text of at most `Capacity` bytes held inline: it cannot fail to be made and needs no heap.
/// What does not fit is cut off, and `truncated()` says so. Always NUL-terminated.
template <std::size_t Capacity>
class FixedString {
public:
    constexpr FixedString() = default;

    constexpr explicit FixedString(std::string_view text) { append(text); }

    constexpr FixedString& append(std::string_view text) {
        const std::size_t room = Capacity - size_;
        const std::size_t count = std::min(room, text.size());
        std::copy_n(text.data(), count, bytes_.data() + size_);
        size_ += count;
        bytes_[size_] = '\0';
        truncated_ = truncated_ || count < text.size();
        return *this;
    }

    /// Appends `value` in decimal.
    constexpr FixedString& append_number(long long value) {
        std::array<char, 24> digits{};
        std::size_t at = digits.size();
        auto rest = value < 0 ? 0ULL - static_cast<unsigned long long>(value)
                              : static_cast<unsigned long long>(value);
        do {
            digits[--at] = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        if (value < 0) digits[--at] = '-';
        return append({digits.data() + at, digits.size() - at});
    }

    constexpr void clear() {
        size_ = 0;
        truncated_ = false;
        bytes_[0] = '\0';
    }

    [[nodiscard]] constexpr std::string_view view() const { return {bytes_.data(), size_}; }

    [[nodiscard]] constexpr const char* c_str() const { return bytes_.data(); }

    [[nodiscard]] constexpr bool empty() const { return size_ == 0; }

    [[nodiscard]] constexpr std::size_t size() const { return size_; }

    [[nodiscard]] constexpr bool truncated() const { return truncated_; }

    friend constexpr bool operator==(const FixedString& a, const FixedString& b) {
        return a.view() == b.view();
    }

private:
    std::array<char, Capacity + 1> bytes_{};
    std::size_t size_ = 0;
    bool truncated_ = false;
};

} // namespace stead
