#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sys/unique_fd.h"

namespace stead::keep {

/// Lines on our own standard output or error, for people. Whoever reads there may be slow or gone;
/// then whole lines are left out and counted, and nothing ever waits for them.
class Screen {
public:
    static constexpr std::size_t kCapacity = std::size_t{64} * 1024;
    using Memory = std::array<char, kCapacity>;

    explicit Screen(Memory& memory)
        : waiting_(memory) {}

    /// `fd` stays the caller's.
    void open(int fd);

    /// Adds `parts` and a newline as one line, or counts it as lost.
    void line(std::string_view prefix, std::string_view text);

    /// Writes what is waiting as far as it is taken; true when nothing is left.
    bool flush();

    /// The descriptor to wait for while `flush` says false.
    [[nodiscard]] int fd() const { return fd_; }

private:
    bool put(std::string_view prefix, std::string_view text);

    int fd_ = -1;
    /// A terminal is opened once more, so that our O_NONBLOCK is nobody else's.
    sys::UniqueFd own_;
    bool regular_ = false;
    bool gone_ = false;
    std::size_t start_ = 0;
    std::size_t end_ = 0;
    std::uint64_t lost_ = 0;
    Memory& waiting_;
};

} // namespace stead::keep
