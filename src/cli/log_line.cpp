#include "cli/log_line.h"

#include <array>
#include <charconv>
#include <chrono>

#include <nlohmann/json.hpp>

#include "cli/options.h"

namespace stead::cli {

namespace {

/// A line that was put together from pieces is printed at this length, whatever is still to come.
constexpr std::size_t kMaxJoined = 1U << 20U;
/// Bytes without a newline that are printed as they are: who sends them writes no log.
constexpr std::size_t kMaxRest = 1U << 16U;

std::string_view next_word(std::string_view& text) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    return word;
}

/// The digits at `at`, exactly `count` of them; -1 if they are none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
    if (text.size() < at + count) return -1;
    int value = 0;
    for (const char letter : text.substr(at, count)) {
        if (letter < '0' || letter > '9') return -1;
        value = value * 10 + (letter - '0');
    }
    return value;
}

std::optional<std::int64_t> date_ns(std::string_view text) {
    using namespace std::chrono;
    const int year_number = digits(text, 0, 4);
    const int month_number = digits(text, 5, 2);
    const int day_number = digits(text, 8, 2);
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    if (year_number < 1970 || month_number < 1 || day_number < 1) return std::nullopt;
    const year_month_day date(year{year_number}, month{static_cast<unsigned>(month_number)},
                              day{static_cast<unsigned>(day_number)});
    if (!date.ok()) return std::nullopt;
    return nanoseconds(sys_days(date).time_since_epoch()).count();
}

/// "12:30", "12:30:15" or "12:30:15.250000".
std::optional<std::int64_t> time_of_day_ns(std::string_view text) {
    const int hours = digits(text, 0, 2);
    const int minutes = digits(text, 3, 2);
    if (text.size() < 5 || text[2] != ':' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return std::nullopt;
    std::int64_t seconds = 0;
    std::int64_t fraction = 0;
    if (text.size() > 5) {
        seconds = digits(text, 6, 2);
        if (text[5] != ':' || seconds < 0 || seconds > 60) return std::nullopt;
    }
    if (text.size() > 8) {
        fraction = digits(text, 9, 6);
        if (text.size() != 15 || text[8] != '.' || fraction < 0) return std::nullopt;
    }
    return ((std::int64_t{hours} * 60 + minutes) * 60 + seconds) * 1'000'000'000 + fraction * 1000;
}

} // namespace

std::optional<LogLine> parse_log_line(std::string_view line) {
    LogLine parsed;
    parsed.time = next_word(line);
    parsed.unit = next_word(line);
    parsed.stream = next_word(line);
    if (parsed.stream.ends_with('+')) {
        parsed.stream.remove_suffix(1);
        parsed.continued = true;
    }
    parsed.text = line;
    const bool known = parsed.stream == "out" || parsed.stream == "err" || parsed.stream == "say" ||
                       parsed.stream == "sys" || parsed.stream == "---";
    if (!known || parsed.unit.empty() || !log_nanoseconds(parsed.time)) return std::nullopt;
    return parsed;
}

std::string log_time(std::int64_t nanoseconds_since) {
    using namespace std::chrono;
    const sys_time<nanoseconds> moment{nanoseconds(std::max<std::int64_t>(nanoseconds_since, 0))};
    const auto day = floor<days>(moment);
    const year_month_day date(day);
    const hh_mm_ss time(floor<microseconds>(moment - day));
    std::array<char, 40> text{};
    const int size = std::snprintf(
        text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
        static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
        static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
        static_cast<int>(time.subseconds().count()));
    return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<std::int64_t> log_nanoseconds(std::string_view time) {
    if (time.size() != 27 || time[10] != 'T' || time.back() != 'Z') return std::nullopt;
    const auto date = date_ns(time.substr(0, 10));
    const auto moment = time_of_day_ns(time.substr(11, 15));
    if (!date || !moment) return std::nullopt;
    return *date + *moment;
}

std::optional<std::string> parse_since(std::string_view text, std::int64_t now_ns) {
    constexpr std::int64_t kDay = 86'400'000'000'000;
    if (const auto ago = parse_duration(text)) return log_time(now_ns - *ago);
    if (text.ends_with('Z')) text.remove_suffix(1);
    if (text.size() < 10) {
        const auto time = time_of_day_ns(text);
        if (!time) return std::nullopt;
        return log_time(now_ns / kDay * kDay + *time);
    }
    const auto date = date_ns(text.substr(0, 10));
    if (!date) return std::nullopt;
    if (text.size() == 10) return log_time(*date);
    const auto time = time_of_day_ns(text.substr(11));
    if (!time || (text[10] != 'T' && text[10] != ' ')) return std::nullopt;
    return log_time(*date + *time);
}

int take_priority(std::string_view stream, std::string_view& text) {
    if (text.size() > 2 && text[0] == '<' && text[2] == '>' && text[1] >= '0' && text[1] <= '7') {
        const int priority = text[1] - '0';
        text.remove_prefix(3);
        return priority;
    }
    constexpr int kErr = 3;
    constexpr int kNotice = 5;
    constexpr int kInfo = 6;
    if (stream == "err") return kErr;
    return stream == "out" || stream.empty() ? kInfo : kNotice;
}

std::optional<int> parse_priority(std::string_view word) {
    constexpr std::array<std::string_view, 8> kNames = {"emerg",   "alert",  "crit", "err",
                                                        "warning", "notice", "info", "debug"};
    if (word.size() == 1 && word[0] >= '0' && word[0] <= '7') return word[0] - '0';
    for (std::size_t number = 0; number < kNames.size(); ++number)
        if (word == kNames[number]) return static_cast<int>(number);
    return std::nullopt;
}

void LogPrinter::feed(std::string_view bytes) {
    rest_.append(bytes);
    std::size_t start = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos;
         end = rest_.find('\n', start)) {
        line(std::string_view(rest_).substr(start, end - start));
        start = end + 1;
    }
    rest_.erase(0, start);
    if (rest_.size() > kMaxRest) {
        line(rest_);
        rest_.clear();
    }
}

void LogPrinter::finish() {
    if (!rest_.empty()) line(rest_);
    rest_.clear();
    for (const std::string& text : kept_)
        console_.line(text);
    kept_.clear();
}

void LogPrinter::show(std::string text) {
    ++printed_;
    if (filter_.last < 0) return console_.line(text);
    kept_.push_back(std::move(text));
    if (kept_.size() > static_cast<std::size_t>(filter_.last)) kept_.pop_front();
}

void LogPrinter::line(std::string_view text) {
    const auto parsed = parse_log_line(text);
    if (!parsed) {
        // PID 1's ring, where there is no keeper, holds the units' bytes as they are.
        print({}, text);
        return;
    }
    const std::string key = std::string(parsed->unit).append(" ").append(parsed->stream);
    const auto waiting = pieces_.find(key);
    if (!parsed->continued && waiting == pieces_.end()) {
        print(*parsed, parsed->text);
        return;
    }
    std::string& joined = pieces_[key];
    joined.append(parsed->text);
    if (parsed->continued && joined.size() < kMaxJoined) return;
    print(*parsed, joined);
    pieces_.erase(key);
}

void LogPrinter::print(const LogLine& line, std::string_view text) {
    const int priority = take_priority(line.stream, text);
    if (priority > filter_.priority) return;
    if (!filter_.until.empty() && line.time > filter_.until) {
        past_end_ = true;
        return;
    }
    if (json_) {
        const nlohmann::json entry{{"time", line.time},
                                   {"unit", line.unit},
                                   {"stream", line.stream},
                                   {"priority", priority},
                                   {"text", text}};
        return show(entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    std::string shown;
    if (!line.time.empty()) shown.append(console_.paint(Colour::Dim, line.time)).append(" ");
    if (units_ && !line.unit.empty()) shown.append(safe(line.unit)).append(": ");
    // Escaped already where a keeper wrote it, but who knows what is at the other end.
    const std::string body = safe(text);
    const bool mark = line.stream == "---";
    shown.append(console_.paint(mark ? Colour::Yellow : Colour::None, body));
    show(std::move(shown));
}

} // namespace stead::cli
