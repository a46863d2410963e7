#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace stead {

namespace detail {

struct TextEnd {
    std::uint32_t size = 0;
    bool truncated = false;
};

void append_bytes(char* bytes, std::size_t capacity, TextEnd& end, std::string_view text);
void append_decimal(char* bytes, std::size_t capacity, TextEnd& end, long long value);

} // namespace detail

/// Text of at most `Capacity` bytes held inline: it cannot fail to be made and needs no heap.
/// What does not fit is cut off, and `truncated()` says so. Always NUL-terminated.
template <std::size_t Capacity>
class FixedString {
public:
    constexpr FixedString() {
        // What lies behind the end is never looked at: on a stack it costs neither code nor pages.
        if (std::is_constant_evaluated()) bytes_ = {};
        bytes_[0] = '\0';
    }

    explicit FixedString(std::string_view text)
        : FixedString() {
        append(text);
    }

    // Out of line, and their bodies the same for every capacity: they are called everywhere.
    [[gnu::noinline]] FixedString& append(std::string_view text) {
        detail::append_bytes(bytes_.data(), Capacity, end_, text);
        return *this;
    }

    /// Appends `value` in decimal.
    [[gnu::noinline]] FixedString& append_number(long long value) {
        detail::append_decimal(bytes_.data(), Capacity, end_, value);
        return *this;
    }

    constexpr void clear() {
        end_ = {};
        bytes_[0] = '\0';
    }

    [[nodiscard]] constexpr std::string_view view() const { return {bytes_.data(), end_.size}; }

    [[nodiscard]] constexpr const char* c_str() const { return bytes_.data(); }

    [[nodiscard]] constexpr bool empty() const { return end_.size == 0; }

    [[nodiscard]] constexpr std::size_t size() const { return end_.size; }

    [[nodiscard]] constexpr bool truncated() const { return end_.truncated; }

    friend constexpr bool operator==(const FixedString& a, const FixedString& b) {
        return a.view() == b.view();
    }

private:
    detail::TextEnd end_;
    std::array<char, Capacity + 1> bytes_;
};

} // namespace stead
