#pragma once

#include <unistd.h>

#include <utility>

#include "sys/unique_fd.h"

namespace stead::init {

/// A descriptor inside a zeroed, trivially copyable record: zero is "none", because 0 to 2 are
/// always PID 1's own standard descriptors and never belong to a slot. Whoever clears a slot closes
/// it.
struct SlotFd {
    int value = 0;

    [[nodiscard]] int get() const { return value > 0 ? value : -1; }

    explicit operator bool() const { return value > 0; }

    void take(sys::UniqueFd fd) {
        close();
        value = fd.release();
    }

    void close() {
        if (const int old = std::exchange(value, 0); old > 0) ::close(old);
    }

    /// Gives the descriptor to a new owner.
    [[nodiscard]] sys::UniqueFd release() {
        const int old = std::exchange(value, 0);
        return sys::UniqueFd(old > 0 ? old : -1);
    }
};

} // namespace stead::init
