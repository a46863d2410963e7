#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace stead {

namespace detail {

/// What FixedStrings of every capacity begin with; their bytes follow it at once.
struct TextHead {
    std::uint32_t size = 0;
    bool truncated = false;
    std::array<char, 3> reserved{};
};

// One function each for all capacities: they are called everywhere.
TextHead& append(TextHead& text, std::string_view more, std::size_t capacity);
TextHead& append(TextHead& text, const char* more, std::size_t capacity);
TextHead& append_decimal(TextHead& text, long long value, std::size_t capacity);

} // namespace detail

/// Text of at most `Capacity` bytes held inline: it cannot fail to be made and needs no heap.
/// What does not fit is cut off, and `truncated()` says so. Always NUL-terminated.
template <std::size_t Capacity>
class FixedString : detail::TextHead {
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

    explicit FixedString(const char* text)
        : FixedString() {
        append(text);
    }

    FixedString& append(std::string_view text) {
        return static_cast<FixedString&>(detail::append(*this, text, Capacity));
    }

    // Of a literal no size has to be handed on.
    FixedString& append(const char* text) {
        return static_cast<FixedString&>(detail::append(*this, text, Capacity));
    }

    /// Appends `value` in decimal.
    FixedString& append_number(long long value) {
        return static_cast<FixedString&>(detail::append_decimal(*this, value, Capacity));
    }

    constexpr void clear() {
        static_cast<detail::TextHead&>(*this) = {};
        bytes_[0] = '\0';
    }

    [[nodiscard]] constexpr std::string_view view() const {
        return {bytes_.data(), detail::TextHead::size};
    }

    [[nodiscard]] constexpr const char* c_str() const { return bytes_.data(); }

    [[nodiscard]] constexpr bool empty() const { return size() == 0; }

    [[nodiscard]] constexpr std::size_t size() const { return detail::TextHead::size; }

    [[nodiscard]] constexpr bool truncated() const { return detail::TextHead::truncated; }

    friend constexpr bool operator==(const FixedString& a, const FixedString& b) {
        return a.view() == b.view();
    }

private:
    std::array<char, Capacity + 1> bytes_;
};

static_assert(sizeof(detail::TextHead) == 8 && sizeof(FixedString<3>) == 12);

} // namespace stead
