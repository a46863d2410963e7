#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

namespace stead {

/// The times of a calendar expression, as sets of numbers: bit N of a set is the number N. All
/// parts must hold at once, on the clock of the zone that comes along.
struct Calendar {
    std::uint64_t seconds = 1;
    std::uint64_t minutes = 1;
    std::uint32_t hours = 1;
    /// Bits 1 to 31.
    std::uint32_t days = 0xfffffffe;
    /// Days counted from the end of the month: bit 1 is the last one. Used where it is not zero.
    std::uint32_t last_days = 0;
    /// Bits 1 to 12.
    std::uint16_t months = 0x1ffe;
    std::uint16_t first_year = kFirstYear;
    std::uint16_t last_year = kLastYear;
    /// Bit 0 is Sunday.
    std::uint8_t weekdays = 0x7f;
    std::uint8_t reserved = 0;
    std::uint32_t zero = 0;

    static constexpr std::uint16_t kFirstYear = 1970;
    static constexpr std::uint16_t kLastYear = 2199;

    friend constexpr bool operator==(const Calendar&, const Calendar&) = default;
};

static_assert(std::has_unique_object_representations_v<Calendar>);

/// From `at` on (seconds of UTC since 1970) local time is UTC + `offset` seconds. A zone is a list
/// of these in the order of their times; before the second one the first one holds, and an empty
/// list is UTC.
struct ZoneChange {
    std::int64_t at = 0;
    std::int32_t offset = 0;
    std::uint32_t reserved = 0;

    friend constexpr bool operator==(const ZoneChange&, const ZoneChange&) = default;
};

inline constexpr std::int64_t kNeverElapses = std::numeric_limits<std::int64_t>::max();

/// The first time after `after` (both in seconds of UTC); kNeverElapses if there is none. What
/// stands for certain hours happens once a day where clocks change: a time that is left out counts
/// as the moment of the change, of one that comes twice the first counts. What stands for every
/// hour follows the clock as it goes.
std::int64_t
next_elapse(const Calendar& calendar, std::span<const ZoneChange> zone, std::int64_t after);

} // namespace stead
