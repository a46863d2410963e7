#pragma once

#include <concepts>
#include <limits>
#include <optional>

namespace stead {

/// `a + b`, or nothing if it does not fit.
template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) {
    T sum{};
    if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
    return sum;
}

/// `a * b`, or nothing if it does not fit.
template <std::integral T>
constexpr std::optional<T> checked_multiply(T a, T b) {
    T product{};
    if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
    return product;
}

/// `value` as a To, or nothing if it does not fit.
template <std::integral To, std::integral From>
constexpr std::optional<To> narrow(From value) {
    To result{};
    if (__builtin_add_overflow(value, From{0}, &result)) return std::nullopt;
    return result;
}

} // namespace stead
