#pragma once

#include <cstdint>
#include <limits>

namespace stead {

/// A span of time in nanoseconds. Arithmetic saturates, so that "infinity" stays infinite.
/// (std::chrono does not compile against musl with libstdc++'s headers; this is what PID 1 needs of
/// it.)
struct Duration {
    std::int64_t ns = 0;

    // Not the default: `<=>` makes three answers of what one comparison tells.
    friend constexpr bool operator==(Duration a, Duration b) { return a.ns == b.ns; }

    friend constexpr bool operator<(Duration a, Duration b) { return a.ns < b.ns; }

    friend constexpr bool operator>(Duration a, Duration b) { return a.ns > b.ns; }

    friend constexpr bool operator<=(Duration a, Duration b) { return a.ns <= b.ns; }

    friend constexpr bool operator>=(Duration a, Duration b) { return a.ns >= b.ns; }

    [[nodiscard]] static constexpr Duration infinity() {
        return {std::numeric_limits<std::int64_t>::max()};
    }

    [[nodiscard]] constexpr bool is_infinite() const { return ns == infinity().ns; }

    [[nodiscard]] constexpr std::int64_t ms() const { return ns / 1'000'000; }
};

/// A point of CLOCK_MONOTONIC, in nanoseconds since an unspecified start.
struct Instant {
    std::int64_t ns = 0;

    friend constexpr bool operator==(Instant a, Instant b) { return a.ns == b.ns; }

    friend constexpr bool operator<(Instant a, Instant b) { return a.ns < b.ns; }

    friend constexpr bool operator>(Instant a, Instant b) { return a.ns > b.ns; }

    friend constexpr bool operator<=(Instant a, Instant b) { return a.ns <= b.ns; }

    friend constexpr bool operator>=(Instant a, Instant b) { return a.ns >= b.ns; }

    [[nodiscard]] static constexpr Instant never() {
        return {std::numeric_limits<std::int64_t>::max()};
    }

    [[nodiscard]] constexpr bool is_never() const { return ns == never().ns; }
};

namespace detail {

constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? std::numeric_limits<std::int64_t>::max()
                 : std::numeric_limits<std::int64_t>::min();
}

constexpr std::int64_t saturating_subtract(std::int64_t a, std::int64_t b) {
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(a, b, &difference)) return difference;
    return b < 0 ? std::numeric_limits<std::int64_t>::max()
                 : std::numeric_limits<std::int64_t>::min();
}

} // namespace detail

constexpr Duration operator+(Duration a, Duration b) {
    if (a.is_infinite() || b.is_infinite()) return Duration::infinity();
    return {detail::saturating_add(a.ns, b.ns)};
}

/// Infinite less anything stays infinite.
constexpr Duration operator-(Duration a, Duration b) {
    if (a.is_infinite()) return a;
    return {detail::saturating_subtract(a.ns, b.ns)};
}

/// Infinite times anything stays infinite; what does not fit becomes infinite, or the lowest value.
constexpr Duration operator*(Duration a, std::int64_t factor) {
    std::int64_t product = 0;
    if (a.is_infinite()) return a;
    if (!__builtin_mul_overflow(a.ns, factor, &product)) return {product};
    return (a.ns < 0) == (factor < 0) ? Duration::infinity()
                                      : Duration{std::numeric_limits<std::int64_t>::min()};
}

/// An infinite duration after any instant is never; never stays never.
constexpr Instant operator+(Instant at, Duration by) {
    if (at.is_never() || by.is_infinite()) return Instant::never();
    return {detail::saturating_add(at.ns, by.ns)};
}

constexpr Instant earlier(Instant a, Instant b) {
    return a.ns < b.ns ? a : b;
}

/// How long after `b` comes `a`; infinite if `a` never comes.
constexpr Duration operator-(Instant a, Instant b) {
    if (a.is_never()) return Duration::infinity();
    return {detail::saturating_subtract(a.ns, b.ns)};
}

/// A literal that does not fit does not compile.
inline namespace literals {

consteval Duration operator""_ns(unsigned long long n) {
    return {static_cast<std::int64_t>(n)};
}

consteval Duration operator""_us(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 1'000};
}

consteval Duration operator""_ms(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 1'000'000};
}

consteval Duration operator""_s(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 1'000'000'000};
}

consteval Duration operator""_min(unsigned long long n) {
    return {static_cast<std::int64_t>(n) * 60'000'000'000};
}

} // namespace literals

} // namespace stead
