#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cli/console.h"

namespace stead::cli {

/// One line of a log on its way to a reader: "TIME UNIT STREAM TEXT". (In the unit's own file the
/// unit is left out.)
struct LogLine {
    std::string_view time;
    std::string_view unit;
    /// out, err, sys, say or ---; `continued`: it goes on in the next line of that unit and stream.
    std::string_view stream;
    bool continued = false;
    std::string_view text;
};

/// Nothing if `line` (without its newline) is none.
std::optional<LogLine> parse_log_line(std::string_view line);

/// The moment of `time` as a log has it; nothing if `text` is neither a length of time ("10m": so
/// long ago), nor a date or a time of day in UTC: 2026-01-31, 2026-01-31T12:30[:00[.000000]][Z],
/// 12:30[:00].
std::optional<std::string> parse_since(std::string_view text, std::int64_t now_ns);

/// `nanoseconds` since 1970 as logs have it: "2026-01-31T12:30:00.000000Z".
std::string log_time(std::int64_t nanoseconds);
/// The way back; nothing if `time` is not of that form.
std::optional<std::int64_t> log_nanoseconds(std::string_view time);

/// The urgency of a line as syslog(3) counts it, 0 to 7: that of a prefix "<N>" (sd-daemon(3)),
/// which is taken off `text`; else err 3, out 6, words of Stead's own 5.
int take_priority(std::string_view stream, std::string_view& text);
/// "err" or "3" as a number; nothing if it is no urgency.
std::optional<int> parse_priority(std::string_view word);

/// Which lines are shown.
struct LogFilter {
    /// Of the form of log_time; empty: no end.
    std::string until;
    /// This urgent or more.
    int priority = 7;
    /// Only the last so many of those that are left; -1: all.
    std::int64_t last = -1;
};

/// Prints lines as they come, putting those together again that were written in pieces.
class LogPrinter {
public:
    /// With `units`: each line names its unit.
    LogPrinter(Console& console, bool units, bool json, LogFilter filter = {})
        : console_(console)
        , units_(units)
        , json_(json)
        , filter_(std::move(filter)) {}

    /// Bytes of a stream of lines, cut anywhere.
    void feed(std::string_view bytes);
    /// The stream has ended: what was kept back is shown.
    void finish();

    /// A line behind the filter's end has come; all that follow are later.
    [[nodiscard]] bool past_end() const { return past_end_; }

    void line(std::string_view line);

    [[nodiscard]] std::size_t lines() const { return printed_; }

private:
    void print(const LogLine& line, std::string_view text);
    void show(std::string text);

    Console& console_;
    bool units_;
    bool json_;
    LogFilter filter_;
    bool past_end_ = false;
    /// The last lines so far, where only those are to be shown.
    std::deque<std::string> kept_;
    std::size_t printed_ = 0;
    std::string rest_;
    /// Unfinished lines by unit and stream.
    std::map<std::string, std::string, std::less<>> pieces_;
};

} // namespace stead::cli
