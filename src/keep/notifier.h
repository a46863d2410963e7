#pragma once

#include <string_view>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace stead::keep {

/// Passes a guest's readiness on to the host's service manager (sd_notify(3)).
class Notifier {
public:
    /// `address` is the value of NOTIFY_SOCKET: a path, or @ and an abstract name; null or empty:
    /// nobody is told.
    static Result<Notifier> open(const char* address);

    Notifier() = default;

    /// Sends those lines of `text` that may come out of a guest: READY, STATUS, RELOADING,
    /// STOPPING, WATCHDOG, ERRNO, EXIT_STATUS, EXTEND_TIMEOUT_USEC, MONOTONIC_USEC. The others
    /// (MAINPID, FDSTORE, ...) would speak about the host.
    Result<void> forward(std::string_view text);

    /// Whether WATCHDOG alone comes out.
    void set_mute(bool mute) { mute_ = mute; }

private:
    sys::UniqueFd socket_;
    bool mute_ = false;
};

} // namespace stead::keep
