#include "compile/calendar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace stead::compile {

namespace {

constexpr std::size_t kLongest = 256;

struct Shorthand {
    std::string_view word;
    std::string_view meaning;
};

constexpr std::array kShorthands{Shorthand{"minutely", "*-*-* *:*:00"},
                                 Shorthand{"hourly", "*-*-* *:00:00"},
                                 Shorthand{"daily", "*-*-* 00:00:00"},
                                 Shorthand{"weekly", "Mon *-*-* 00:00:00"},
                                 Shorthand{"monthly", "*-*-01 00:00:00"},
                                 Shorthand{"quarterly", "*-01,04,07,10-01 00:00:00"},
                                 Shorthand{"semiannually", "*-01,07-01 00:00:00"},
                                 Shorthand{"yearly", "*-01-01 00:00:00"},
                                 Shorthand{"annually", "*-01-01 00:00:00"}};

constexpr std::array<std::string_view, 7> kWeekdays{"sunday",   "monday", "tuesday", "wednesday",
                                                    "thursday", "friday", "saturday"};

std::string lowered(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

struct Range {
    unsigned low = 0;
    unsigned high = 59;
};

/// "5", "1..5": nothing for what does not lie in `range`.
std::optional<Range> read_range(std::string_view text, Range range) {
    const std::size_t dots = text.find("..");
    const auto low = number(text.substr(0, dots));
    const auto high = dots == std::string_view::npos ? low : number(text.substr(dots + 2));
    if (!low || !high || *low < range.low || *high > range.high || *low > *high)
        return std::nullopt;
    return Range{*low, *high};
}

/// "*", "1,5", "1..5", "0/15", "*/2", "1..10/3". Counted from the end, a step goes towards it.
std::optional<std::uint64_t> read_set(std::string_view text, Range range, bool from_end = false) {
    std::uint64_t set = 0;
    for (std::string_view item : split(text, ',')) {
        const std::size_t slash = item.find('/');
        unsigned step = 1;
        if (slash != std::string_view::npos) {
            step = number(item.substr(slash + 1)).value_or(0);
            if (step == 0) return std::nullopt;
            item = item.substr(0, slash);
        }
        const auto written = item == "*" ? range : read_range(item, range);
        if (!written) return std::nullopt;
        const bool open = slash != std::string_view::npos && item != "*" &&
                          item.find("..") == std::string_view::npos;
        if (open && from_end) {
            for (unsigned n = written->low; n >= range.low; n -= std::min(step, n))
                set |= std::uint64_t{1} << n;
            continue;
        }
        const unsigned last = open ? range.high : written->high;
        for (unsigned n = written->low; n <= last; n += std::min(step, 64U))
            set |= std::uint64_t{1} << n;
    }
    return set;
}

std::optional<unsigned> weekday(std::string_view text) {
    const std::string word = lowered(text);
    for (unsigned day = 0; word.size() >= 3 && day < kWeekdays.size(); ++day)
        if (word == kWeekdays[day] || word == kWeekdays[day].substr(0, 3)) return day;
    return std::nullopt;
}

/// "Mon", "Mon..Fri", "Sat,Sun": the week begins with Monday.
std::optional<std::uint8_t> read_weekdays(std::string_view text) {
    unsigned set = 0;
    for (const std::string_view item : split(text, ',')) {
        const std::size_t dots = item.find("..");
        const auto first = weekday(item.substr(0, dots));
        const auto last = dots == std::string_view::npos ? first : weekday(item.substr(dots + 2));
        if (!first || !last) return std::nullopt;
        for (unsigned day = *first;; day = (day + 1) % 7) {
            set |= 1U << day;
            if (day == *last) break;
        }
    }
    return static_cast<std::uint8_t>(set);
}

class Reader {
public:
    explicit Reader(CalendarText& into)
        : into_(into) {}

    void read(std::string_view text) {
        std::vector<std::string_view> words = split(text, ' ');
        std::erase(words, std::string_view());
        if (words.empty()) return fail("it is empty");
        const std::string first = lowered(words.front());
        for (const Shorthand& shorthand : kShorthands) {
            if (first != shorthand.word) continue;
            std::vector<std::string_view> meant = split(shorthand.meaning, ' ');
            meant.insert(meant.end(), words.begin() + 1, words.end());
            return read_words(meant);
        }
        read_words(words);
    }

private:
    void fail(std::string problem) {
        if (into_.problem.empty()) into_.problem = std::move(problem);
    }

    void read_words(const std::vector<std::string_view>& words) {
        std::size_t at = 0;
        if (const auto days = read_weekdays(words[at])) {
            calendar_.weekdays = *days;
            ++at;
        }
        const auto begins_with_letter = [&] {
            const char c = words[at].front();
            return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        };
        if (at < words.size() && !begins_with_letter() &&
            words[at].find(':') == std::string_view::npos)
            read_date(words[at++]);
        if (at < words.size() && words[at].find(':') != std::string_view::npos)
            read_time(words[at++]);
        const bool has_zone = at > 0 && at < words.size() && begins_with_letter();
        if (has_zone) into_.zone = words[at++];
        if (at < words.size())
            return fail("write weekdays, date, time and zone in this order, such as \"Mon..Fri "
                        "*-*-* 03:30\", or daily");
        if (!into_.problem.empty()) return;
        if (next_elapse(calendar_, {}, -1) == kNeverElapses) return fail("there is no such day");
        into_.calendar = calendar_;
    }

    void read_date(std::string_view text) {
        constexpr const char* kForm = "a date is YEAR-MONTH-DAY or MONTH-DAY, such as *-*-01";
        std::string_view days;
        const std::size_t tilde = text.find('~');
        std::vector<std::string_view> parts;
        if (tilde != std::string_view::npos) {
            parts = split(text.substr(0, tilde), '-');
            days = text.substr(tilde + 1);
        } else {
            parts = split(text, '-');
            days = parts.back();
            parts.pop_back();
        }
        if (parts.empty() || parts.size() > 2) return fail(kForm);
        const auto months = read_set(parts.back(), {1, 12});
        const auto set = read_set(days, {1, 31}, tilde != std::string_view::npos);
        if (!months || !set) return fail(kForm);
        calendar_.months = static_cast<std::uint16_t>(*months);
        (tilde != std::string_view::npos ? calendar_.last_days : calendar_.days) =
            static_cast<std::uint32_t>(*set);
        if (parts.size() < 2 || parts.front() == "*") return;
        const auto years = read_range(parts.front(), {Calendar::kFirstYear, Calendar::kLastYear});
        if (!years)
            return fail("a year is *, a number from 1970 to 2199, or a range of two of them");
        calendar_.first_year = static_cast<std::uint16_t>(years->low);
        calendar_.last_year = static_cast<std::uint16_t>(years->high);
    }

    void read_time(std::string_view text) {
        const auto parts = split(text, ':');
        const auto hours = read_set(parts[0], {0, 23});
        const auto minutes = read_set(parts[1], {0, 59});
        const auto seconds = parts.size() == 3 ? read_set(parts[2], {0, 59}) : 1;
        if (parts.size() > 3 || !hours || !minutes || !seconds)
            return fail("a time is HOURS:MINUTES or HOURS:MINUTES:SECONDS, such as 03:30 or "
                        "*:0/15");
        calendar_.hours = static_cast<std::uint32_t>(*hours);
        calendar_.minutes = *minutes;
        calendar_.seconds = *seconds;
    }

    CalendarText& into_;
    Calendar calendar_;
};

} // namespace

CalendarText parse_calendar(std::string_view text) {
    CalendarText result;
    if (text.size() > kLongest) {
        result.problem = "it is longer than 256 characters";
        return result;
    }
    Reader(result).read(text);
    return result;
}

} // namespace stead::compile
