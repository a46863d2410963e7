#pragma once

#include <unistd.h>

#include <utility>

namespace stead::sys {

namespace detail {

/// By its number, so that an owner on the stack can live in a register.
[[gnu::noinline]] inline void close_if_open(int fd) {
    // EINTR of close leaves the descriptor closed on Linux, so there is nothing to repeat
    // (close(2)).
    ::close(fd);
}

} // namespace detail

/// The one owner of a descriptor; closes it. Move only. `get` lends, `release` gives away.
class UniqueFd {
public:
    UniqueFd() = default;

    explicit UniqueFd(int fd)
        : fd_(fd) {}

    UniqueFd(UniqueFd&& other) noexcept
        : fd_(other.release()) {}

    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }

    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;

    // Clang 14 believes that a return within TRY destroys what TRY was about to make.
    // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage)
    [[gnu::always_inline]] ~UniqueFd() { close_unless_known(fd_); }

    [[nodiscard]] int get() const { return fd_; }

    [[nodiscard]] int release() { return std::exchange(fd_, -1); }

    explicit operator bool() const { return fd_ >= 0; }

    [[gnu::always_inline]] void reset(int fd = -1) { close_unless_known(std::exchange(fd_, fd)); }

private:
    /// An owner that the compiler knows to be empty, as after each move, costs no code.
    [[gnu::always_inline]] static void close_unless_known(int fd) {
        if (fd < 0) return;
        detail::close_if_open(fd);
    }

    int fd_ = -1;
};

} // namespace stead::sys
