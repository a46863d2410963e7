#pragma once

#include <cassert>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace stead {

/// A value or the Error that prevented it; spelled like std::expected so that it can become one.
template <typename T>
class [[nodiscard]] Result {
public:
    // Implicit on purpose: `return value;` and `return error;` are the two ways out of a function.
    Result(T value) // NOLINT(google-explicit-constructor)
        : value_(std::move(value)) {}

    Result(const Error& error) // NOLINT(google-explicit-constructor)
        : error_(error) {}

    [[nodiscard]] bool has_value() const { return value_.has_value(); }

    explicit operator bool() const { return has_value(); }

    T& operator*() & { return *value_; }

    const T& operator*() const& { return *value_; }

    T&& operator*() && { return std::move(*value_); }

    T* operator->() { return &*value_; }

    const T* operator->() const { return &*value_; }

    [[nodiscard]] const Error& error() const { return *error_; }

private:
    // Two optionals where a variant would say more: what std::variant generates for each type of
    // result is a tenth of PID 1's text.
    std::optional<T> value_;
    std::optional<Error> error_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;

    Result(Error error) // NOLINT(google-explicit-constructor)
        : error_(error) {}

    [[nodiscard]] bool has_value() const { return !error_; }

    explicit operator bool() const { return has_value(); }

    [[nodiscard]] const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

namespace detail {

template <typename T>
T take(Result<T>& result) {
    return std::move(*result);
}

inline void take(Result<void>& /*result*/) {}

} // namespace detail

} // namespace stead

/// Unwraps a Result or returns its Error from the enclosing function. One per statement, never
/// nested, never after fork. (A statement expression: both compilers that build this have it.)
#define TRY(expression)                                                                            \
    __extension__({                                                                                \
        auto try_result = (expression);                                                            \
        if (!try_result.has_value()) return try_result.error();                                    \
        ::stead::detail::take(try_result);                                                         \
    })
