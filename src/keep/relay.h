#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sys/unique_fd.h"

namespace stead::keep {

/// Passes bytes from one descriptor to another, unchanged and complete: while the receiver takes
/// none, nothing is read, so that the sender waits as it would without us. For a foreground jail's
/// input and output.
class Relay {
public:
    /// What to wait for before the next `pump`.
    enum class Wants : std::uint8_t { Input, Output, Nothing };

    /// A pipe that polls as writable takes this much without waiting (pipe(7), PIPE_BUF).
    static constexpr std::size_t kPiece = 4096;
    using Memory = std::array<char, kPiece>;

    explicit Relay(Memory& memory)
        : buffer_(memory) {}

    /// Takes over both; they may block, `pump` asks before it reads or writes.
    void open(sys::UniqueFd from, sys::UniqueFd to);

    /// Moves what can be moved without waiting, a bounded amount. At the end of the input, once all
    /// is delivered, both are closed, which tells the receiver; a receiver that is gone closes both
    /// as well, which tells the sender.
    void pump();

    [[nodiscard]] Wants wants() const;

    [[nodiscard]] bool active() const { return static_cast<bool>(to_); }

    [[nodiscard]] int from() const { return from_.get(); }

    [[nodiscard]] int to() const { return to_.get(); }

    /// What is left is thrown away.
    void close();

private:
    bool fill();
    bool drain();

    sys::UniqueFd from_;
    sys::UniqueFd to_;
    bool ended_ = false;
    std::size_t start_ = 0;
    std::size_t end_ = 0;
    Memory& buffer_;
};

} // namespace stead::keep
