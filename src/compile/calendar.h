#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/calendar.h"

namespace stead::compile {

struct CalendarText {
    std::optional<Calendar> calendar;
    /// The zone at its end; empty: local time.
    std::string zone;
    /// What is wrong with it, as it goes on after "timer.calendar is 'TEXT'; ".
    std::string problem;
};

/// Reads a calendar expression as systemd.time(7) describes them, but for years in lists or steps
/// and fractions of seconds: "Mon..Fri 03:30", "*-*-01 06:00 Europe/Berlin", "*:0/15", "daily",
/// "*-02~03". Whatever the text, time and memory are bounded by its length.
CalendarText parse_calendar(std::string_view text);

} // namespace stead::compile
