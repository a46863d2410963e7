#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/calendar.h"

namespace stead {

/// What makes a unit start beside a person and its dependents, and what is open for it before it
/// runs.
enum class SocketKind : std::uint8_t { Stream, Datagram, Seqpacket, Fifo };

/// Bits of SocketView::flags.
inline constexpr std::uint8_t kSocketLazy = 1U << 0U;
inline constexpr std::uint8_t kSocketPerConnection = 1U << 1U;

struct SocketView {
    /// What LISTEN_FDNAMES says.
    std::string_view name;
    SocketKind kind = SocketKind::Stream;
    std::uint8_t flags = 0;
    std::uint16_t mode = 0600;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    /// A whole sockaddr; of a FIFO too.
    std::span<const std::byte> address;
};

/// Bits of TimerView::flags.
inline constexpr std::uint32_t kTimerCalendar = 1U << 0U;
inline constexpr std::uint32_t kTimerOnBoot = 1U << 1U;
inline constexpr std::uint32_t kTimerPersistent = 1U << 2U;
inline constexpr std::uint32_t kTimerFlags = (1U << 3U) - 1;

/// When a unit starts by the clock.
struct TimerView {
    std::uint32_t flags = 0;
    /// 0: not repeated.
    std::uint32_t every_ms = 0;
    std::uint32_t on_boot_ms = 0;
    std::uint32_t jitter_ms = 0;
    Calendar calendar;
    std::span<const ZoneChange> zone;
};

} // namespace stead
