#include <array>
#include <chrono>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/calendar.h"

namespace stead {
namespace {

using std::chrono::sys_days;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;

std::int64_t at(int year,
                unsigned month,
                unsigned day,
                std::int64_t hour = 0,
                std::int64_t minute = 0,
                std::int64_t second = 0) {
    const sys_days days{std::chrono::year(year) / std::chrono::month(month) /
                        std::chrono::day(day)};
    return days.time_since_epoch().count() * 24 * kHour + hour * kHour + minute * 60 + second;
}

constexpr std::uint64_t bit(unsigned n) {
    return std::uint64_t{1} << n;
}

Calendar daily(unsigned hour, unsigned minute = 0) {
    Calendar calendar;
    calendar.hours = static_cast<std::uint32_t>(bit(hour));
    calendar.minutes = bit(minute);
    return calendar;
}

/// Berlin in 2026: summer from the 29th of March, winter from the 25th of October.
std::vector<ZoneChange> berlin() {
    return {
        {at(2026, 1, 1), 3600, 0}, {at(2026, 3, 29, 1), 7200, 0}, {at(2026, 10, 25, 1), 3600, 0}};
}

/// Second by second, by the standard library's calendar.
std::int64_t look_for(const Calendar& calendar, std::int64_t offset, std::int64_t after) {
    for (std::int64_t time = after + 1; time < after + 40 * kDay; ++time) {
        const std::int64_t local = time + offset;
        const sys_days days{std::chrono::days(local / (24 * kHour))};
        const std::chrono::year_month_day date(days);
        const std::chrono::weekday weekday(days);
        const std::int64_t second = local % (24 * kHour);
        const auto has = [](std::uint64_t set, auto n) {
            return (set >> static_cast<unsigned>(n) & 1U) != 0;
        };
        const auto length = unsigned{
            std::chrono::year_month_day_last(date.year(), std::chrono::month_day_last(date.month()))
                .day()};
        const unsigned day{date.day()};
        const bool day_holds = calendar.last_days != 0 ? has(calendar.last_days, length - day + 1)
                                                       : has(calendar.days, day);
        if (!day_holds) {
            time += 24 * kHour - 1 - second;
            continue;
        }
        if (has(calendar.seconds, second % 60) && has(calendar.minutes, second / 60 % 60) &&
            has(calendar.hours, second / kHour) && has(calendar.months, unsigned{date.month()}) &&
            has(calendar.weekdays, weekday.c_encoding()))
            return time;
    }
    return kNeverElapses;
}

TEST(Calendar, AgreesWithASearchSecondBySecond) {
    std::mt19937_64 random(7);
    const auto set = [&](unsigned low, unsigned high) {
        std::uint64_t bits = bit(low + static_cast<unsigned>(random() % (high - low + 1)));
        for (unsigned more = random() % 4; more > 0; --more)
            bits |= bit(low + static_cast<unsigned>(random() % (high - low + 1)));
        return bits;
    };
    for (int round = 0; round < 40; ++round) {
        Calendar calendar;
        calendar.seconds = set(0, 59);
        calendar.minutes = set(0, 59);
        calendar.hours = static_cast<std::uint32_t>(set(0, 23));
        if (random() % 2 == 0) calendar.weekdays = static_cast<std::uint8_t>(set(0, 6));
        if (random() % 3 == 0) calendar.days = static_cast<std::uint32_t>(set(1, 31));
        if (random() % 4 == 0) calendar.last_days = static_cast<std::uint32_t>(set(1, 31));
        // Leap years, century years, ordinary ones.
        const std::int64_t after = at(1970 + static_cast<int>(random() % 200), 1, 1) +
                                   static_cast<std::int64_t>(random() % (365 * kDay));
        const std::int64_t offset = static_cast<std::int64_t>(random() % 27) * 1800 - 12 * 1800;
        const std::vector<ZoneChange> zone{{0, static_cast<std::int32_t>(offset), 0}};
        const std::int64_t expected = look_for(calendar, offset, after);
        const std::int64_t found = next_elapse(calendar, zone, after);
        if (expected == kNeverElapses) {
            EXPECT_GE(found, after + 40 * kDay) << "round " << round;
        } else {
            EXPECT_EQ(found, expected) << "round " << round;
        }
    }
}

TEST(Calendar, EachElapseIsLaterThanTheOneBefore) {
    const auto zone = berlin();
    for (const Calendar& calendar : {daily(2, 30), daily(3), daily(0)}) {
        std::int64_t time = at(2026, 3, 1);
        for (int i = 0; i < 400; ++i) {
            const std::int64_t next = next_elapse(calendar, zone, time);
            EXPECT_GT(next, time);
            EXPECT_LE(next - time, 25 * kHour + 1800);
            EXPECT_GE(next - time, i == 0 ? 1 : 22 * kHour);
            time = next;
        }
    }
}

TEST(Calendar, ATimeThatClocksLeaveOutCountsAsTheMomentOfTheChange) {
    EXPECT_EQ(next_elapse(daily(2, 30), berlin(), at(2026, 3, 28, 12)), at(2026, 3, 29, 1));
    EXPECT_EQ(next_elapse(daily(2, 30), berlin(), at(2026, 3, 29, 1)), at(2026, 3, 30, 0, 30));
}

TEST(Calendar, ATimeThatComesTwiceCountsOnce) {
    // 02:30 of summer time is 00:30 UTC.
    const std::int64_t first = next_elapse(daily(2, 30), berlin(), at(2026, 10, 24, 12));
    EXPECT_EQ(first, at(2026, 10, 25, 0, 30));
    EXPECT_EQ(next_elapse(daily(2, 30), berlin(), first), at(2026, 10, 26, 1, 30));
    EXPECT_EQ(next_elapse(daily(2, 30), berlin(), at(2026, 10, 25, 1, 10)),
              at(2026, 10, 26, 1, 30));
}

TEST(Calendar, WhatStandsForEveryHourFollowsTheClock) {
    Calendar hourly;
    hourly.hours = 0xffffff;
    hourly.minutes = bit(30);
    for (const std::int64_t day : {at(2026, 3, 29), at(2026, 10, 25)}) {
        std::int64_t time = day - 2 * kHour;
        for (int i = 0; i < 8; ++i) {
            const std::int64_t next = next_elapse(hourly, berlin(), time);
            if (i > 0) {
                EXPECT_EQ(next - time, kHour);
            }
            time = next;
        }
    }
}

TEST(Calendar, CountsDaysFromTheEndOfTheMonth) {
    Calendar calendar;
    calendar.last_days = 1U << 1U;
    EXPECT_EQ(next_elapse(calendar, {}, at(2024, 2, 1)), at(2024, 2, 29));
    EXPECT_EQ(next_elapse(calendar, {}, at(2025, 2, 1)), at(2025, 2, 28));
}

TEST(Calendar, WhatCanNeverBeNeverComes) {
    Calendar calendar;
    calendar.months = 1U << 2U;
    calendar.days = 1U << 30U;
    EXPECT_EQ(next_elapse(calendar, {}, 0), kNeverElapses);
    calendar = {};
    calendar.last_year = 2000;
    EXPECT_EQ(next_elapse(calendar, {}, at(2001, 1, 1)), kNeverElapses);
    EXPECT_EQ(next_elapse({}, {}, kNeverElapses), kNeverElapses);
    EXPECT_EQ(next_elapse({}, {}, -1), 0);
    // Sets without a member, as only a hostile plan has them.
    calendar = {};
    calendar.seconds = 0;
    EXPECT_EQ(next_elapse(calendar, {}, 0), kNeverElapses);
}

} // namespace
} // namespace stead
