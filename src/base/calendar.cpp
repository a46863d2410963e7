#include "base/calendar.h"

#include <algorithm>

namespace stead {

namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::uint32_t kEveryHour = 0xffffff;
constexpr unsigned kNone = 64;

/// The smallest member of `set` that is no less than `from`.
unsigned next_in(std::uint64_t set, unsigned from) {
    set = from < kNone ? set >> from << from : 0;
    return set != 0 ? static_cast<unsigned>(__builtin_ctzll(set)) : kNone;
}

bool is_leap(std::int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned length_of(std::int64_t year, unsigned month) {
    if (month == 2) return is_leap(year) ? 29 : 28;
    // 30 days: April, June, September, November.
    return (0xa50U >> month & 1U) != 0 ? 30 : 31;
}

/// A day that is walked forward.
struct Date {
    std::int64_t year = 1970;
    unsigned month = 1;
    unsigned day = 1;

    explicit Date(std::int64_t days) {
        for (; days >= (is_leap(year) ? 366 : 365); ++year)
            days -= is_leap(year) ? 366 : 365;
        for (; days >= length_of(year, month); ++month)
            days -= length_of(year, month);
        day += static_cast<unsigned>(days);
    }

    void advance() {
        if (++day <= length_of(year, month)) return;
        day = 1;
        if (++month <= 12) return;
        month = 1;
        ++year;
    }
};

bool holds(const Calendar& calendar, const Date& date, std::int64_t days) {
    // The first of January 1970 was a Thursday.
    const auto weekday = static_cast<unsigned>((days + 4) % 7);
    const bool day =
        calendar.last_days != 0
            ? (calendar.last_days >> (length_of(date.year, date.month) - date.day + 1) & 1U) != 0
            : (calendar.days >> date.day & 1U) != 0;
    return day && (calendar.weekdays >> weekday & 1U) != 0 &&
           (calendar.months >> date.month & 1U) != 0 && date.year >= calendar.first_year;
}

/// The first second of a day from `from` on; -1: none.
int next_second(const Calendar& calendar, unsigned from) {
    unsigned hour = from / 3600;
    unsigned minute = from / 60 % 60;
    unsigned second = from % 60;
    while (true) {
        const unsigned its_hour = next_in(calendar.hours, hour);
        if (its_hour == kNone) return -1;
        if (its_hour != hour) minute = second = 0;
        hour = its_hour;
        const unsigned its_minute = next_in(calendar.minutes, minute);
        if (its_minute == kNone) {
            ++hour;
            minute = second = 0;
            continue;
        }
        if (its_minute != minute) second = 0;
        minute = its_minute;
        second = next_in(calendar.seconds, second);
        if (second != kNone) return static_cast<int>(hour * 3600 + minute * 60 + second);
        ++minute;
        second = 0;
    }
}

/// The same over all days, on the local clock.
std::int64_t next_local(const Calendar& calendar, std::int64_t local) {
    local = std::max<std::int64_t>(local, 0);
    std::int64_t days = local / kDay;
    auto from = static_cast<unsigned>(local % kDay);
    for (Date date(days); date.year <= calendar.last_year; date.advance(), ++days, from = 0) {
        if (!holds(calendar, date, days)) continue;
        const int second = next_second(calendar, from);
        if (second >= 0) return days * kDay + second;
    }
    return kNeverElapses;
}

} // namespace

std::int64_t
next_elapse(const Calendar& calendar, std::span<const ZoneChange> zone, std::int64_t after) {
    constexpr std::int64_t kLatest = std::int64_t{1} << 40U;
    if (after >= kLatest) return kNeverElapses;
    const bool follows = calendar.hours == kEveryHour;
    const std::int64_t first = std::max<std::int64_t>(after, -1) + 1;
    std::size_t at = 0;
    while (at + 1 < zone.size() && zone[at + 1].at <= first)
        ++at;
    std::int64_t offset = zone.empty() ? 0 : zone[at].offset;
    std::int64_t local = first + offset;
    // What comes again after clocks went back has been there.
    if (at > 0 && !follows) local = std::max(local, zone[at].at + zone[at - 1].offset);
    while (true) {
        local = next_local(calendar, local);
        if (local == kNeverElapses) return kNeverElapses;
        if (at + 1 >= zone.size() || local - offset < zone[at + 1].at) return local - offset;
        const ZoneChange& change = zone[++at];
        if (!follows && local < change.at + change.offset) return change.at;
        local =
            change.at + (follows ? change.offset : std::max<std::int64_t>(offset, change.offset));
        offset = change.offset;
    }
}

} // namespace stead
