#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace stead {

/// A span of time in nanoseconds. Arithmetic saturates, so that "infinity" stays infinite.
/// (std::chrono does not compile against musl with libstdc++'s headers; this is what PID 1 needs of
/// it.)
struct Duration {
    std::int64_t ns = 0;

    friend constexpr auto operator<=>(Duration, Duration) = default;

    [[nodiscard]] static constexpr Duration infinity() {
        return {std::numeric_limits<std::int64_t>::max()};
    }

    [[nodiscard]] constexpr bool is_infinite() const { return ns == infinity().ns; }

    [[nodiscard]] constexpr std::int64_t ms() const { return ns / 1'000'000; }
};

/// A point of CLOCK_MONOTONIC, in nanoseconds since an unspecified start.
struct Instant {
    std::int64_t ns = 0;

    friend constexpr auto operator<=>(Instant, Instant) = default;

    [[nodiscard]] static constexpr Instant never() {
        return {std::numeric_limits<std::int64_t>::max()};
    }

    [[nodiscard]] constexpr bool is_never() const { return ns == never().ns; }
};

namespace detail {

constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return a > 0 ? std::numeric_limits<std::int64_t>::max()
                 : std::numeric_limits<std::int64_t>::min();
}

} // namespace detail

constexpr Duration operator+(Duration a, Duration b) {
    return {detail::saturating_add(a.ns, b.ns)};
}

constexpr Duration operator-(Duration a, Duration b) {
    return {detail::saturating_add(a.ns, -b.ns)};
}

constexpr Duration operator*(Duration a, std::int64_t factor) {
    std::int64_t product = 0;
    if (a.is_infinite() || __builtin_mul_overflow(a.ns, factor, &product))
        return Duration::infinity();
    return {product};
}

/// An infinite duration after any instant is never; never stays never.
constexpr Instant operator+(Instant at, Duration by) {
    return {detail::saturating_add(at.ns, by.ns)};
}

constexpr Duration operator-(Instant a, Instant b) {
    return {detail::saturating_add(a.ns, -b.ns)};
}

inline namespace literals {

constexpr Duration operator""_ns(unsigned long long n) {
    return {static_cast<std::int64_t>(n)};
}

constexpr Duration operator""_us(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 1'000};
}

constexpr Duration operator""_ms(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 1'000'000};
}

constexpr Duration operator""_s(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 1'000'000'000};
}

constexpr Duration operator""_min(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 60'000'000'000};
}

} // namespace literals

} // namespace stead
