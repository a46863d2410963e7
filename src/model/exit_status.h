#pragma once

#include <cstdint>

namespace stead {

/// How a process ended: by itself with a code, or by a signal. (waitid(2): CLD_EXITED, CLD_KILLED.)
struct ExitStatus {
    enum class Kind : std::uint8_t {
        Exited,
        Killed,
        /// Somebody else reaped it; the kernel no longer knows.
        Unknown
    };

    Kind kind = Kind::Exited;
    /// Exit code 0..255, or the signal's number.
    std::uint8_t value = 0;

    friend constexpr bool operator==(ExitStatus, ExitStatus) = default;

    [[nodiscard]] static constexpr ExitStatus exited(int code) {
        return {Kind::Exited, static_cast<std::uint8_t>(code)};
    }

    [[nodiscard]] static constexpr ExitStatus killed(int signal) {
        return {Kind::Killed, static_cast<std::uint8_t>(signal)};
    }

    [[nodiscard]] constexpr bool success() const { return kind == Kind::Exited && value == 0; }

    /// As a shell reports it: the code, or 128 + signal.
    [[nodiscard]] constexpr int shell_code() const {
        return kind == Kind::Killed ? 128 + value : kind == Kind::Unknown ? 255 : value;
    }
};

} // namespace stead
