#pragma once

#include <poll.h>

#include <string>

#include "sys/unique_fd.h"

namespace stead::cli {

/// Passes bytes from one descriptor to another, unchanged, at the receiver's speed. At the end of
/// the input, or when the receiver is gone, both are closed.
class StreamPump {
public:
    void open(sys::UniqueFd from, sys::UniqueFd to);
    void close();

    [[nodiscard]] bool active() const { return static_cast<bool>(to_); }

    /// What to poll for next; a negative descriptor (which poll ignores) when it is not active.
    [[nodiscard]] pollfd wants() const;

    /// Moves what can be moved without waiting.
    void pump();

private:
    bool fill();
    bool drain();

    sys::UniqueFd from_;
    sys::UniqueFd to_;
    bool ended_ = false;
    std::string waiting_;
};

} // namespace stead::cli
