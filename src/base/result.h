#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace stead {

namespace detail {

/// An Error without its operation, in one piece: hundreds of functions pass it on as it is, and
/// would else take it apart and put it together again.
enum class Rest : std::uint64_t {};

static_assert(sizeof(Error) == 2 * sizeof(Rest) && offsetof(Error, code) == sizeof(Rest));

/// An Error on its way from one Result to the next.
struct Failure {
    const char* operation = nullptr;
    Rest rest{};

    operator Error() const { // NOLINT(google-explicit-constructor)
        Error error{operation};
        __builtin_memcpy(&error.code, &rest, sizeof rest);
        return error;
    }
};

inline Rest rest_of(const Error& error) {
    Rest rest{};
    __builtin_memcpy(&rest, &error.code, sizeof rest);
    return rest;
}

template <typename T>
inline constexpr bool kSmall = std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Rest);

/// What a Result holds beside the failed operation's name.
template <typename T, bool Small = kSmall<T>, bool CanBeEmpty = std::is_default_constructible_v<T>>
struct Held {
    explicit Held(Rest what)
        : rest(what) {}

    explicit Held(T made)
        : made_value(std::move(made)) {}

    T& value() { return *made_value; }

    const T& value() const { return *made_value; }

    Rest rest;
    std::optional<T> made_value;
};

/// A small plain value shares its place with the rest of the error, so that both fit the two
/// registers that functions return.
template <typename T, bool CanBeEmpty>
struct Held<T, true, CanBeEmpty> {
    explicit Held(Rest what)
        : rest(what) {}

    explicit Held(T made)
        : made_value(made) {}

    T& value() { return made_value; }

    const T& value() const { return made_value; }

    union {
        Rest rest;
        T made_value;
    };
};

/// A larger value is made empty beside the error: no destructor has to ask which of them is there.
template <typename T>
struct Held<T, false, true> {
    explicit Held(Rest what)
        : rest(what) {}

    explicit Held(T made)
        : made_value(std::move(made)) {}

    T& value() { return made_value; }

    const T& value() const { return made_value; }

    // Without an error nobody reads it.
    Rest rest; // NOLINT(clang-analyzer-core.uninitialized.Assign)
    T made_value{};
};

} // namespace detail

/// A value or the Error that prevented it; spelled like std::expected so that it can become one.
template <typename T>
class [[nodiscard]] Result {
public:
    // Implicit on purpose: `return value;` and `return error;` are the two ways out of a function.
    Result(T value)                  // NOLINT(google-explicit-constructor)
        : held_(std::move(value)) {} // NOLINT(clang-analyzer-optin.cplusplus.UninitializedObject)

    Result(const Error& error) // NOLINT(google-explicit-constructor)
        : failed_(error.operation)
        , held_(detail::rest_of(error)) {}

    Result(const detail::Failure& failure) // NOLINT(google-explicit-constructor)
        : failed_(failure.operation)
        , held_(failure.rest) {}

    [[nodiscard]] bool has_value() const { return failed_ == nullptr; }

    explicit operator bool() const { return has_value(); }

    T& operator*() & { return held_.value(); }

    const T& operator*() const& { return held_.value(); }

    T&& operator*() && { return std::move(held_.value()); }

    T* operator->() { return &held_.value(); }

    const T* operator->() const { return &held_.value(); }

    [[nodiscard]] Error error() const { return failure(); }

    [[nodiscard]] detail::Failure failure() const { return {failed_, held_.rest}; }

private:
    /// The operation of the error; none: there is a value.
    const char* failed_ = nullptr;
    detail::Held<T> held_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;

    Result(const Error& error) // NOLINT(google-explicit-constructor)
        : failure_{error.operation, detail::rest_of(error)} {}

    Result(const detail::Failure& failure) // NOLINT(google-explicit-constructor)
        : failure_(failure) {}

    [[nodiscard]] bool has_value() const { return failure_.operation == nullptr; }

    explicit operator bool() const { return has_value(); }

    [[nodiscard]] Error error() const { return failure_; }

    [[nodiscard]] detail::Failure failure() const { return failure_; }

private:
    detail::Failure failure_;
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
        if (!try_result.has_value()) return try_result.failure();                                  \
        ::stead::detail::take(try_result);                                                         \
    })
