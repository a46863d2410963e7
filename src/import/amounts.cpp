#include "import/amounts.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "import/systemd_text.h"
#include "unitfile/values.h"

namespace stead::importing {

namespace {

struct TimeUnit {
    std::string_view name;
    double milliseconds;
};

constexpr double kSecond = 1000.0;
constexpr double kDay = 86'400.0 * kSecond;

constexpr std::array kTimeUnits{
    TimeUnit{"us", 0.001},
    TimeUnit{"usec", 0.001},
    TimeUnit{"\xc2\xb5s", 0.001},
    TimeUnit{"\xce\xbcs", 0.001},
    TimeUnit{"ns", 0.000001},
    TimeUnit{"nsec", 0.000001},
    TimeUnit{"ms", 1},
    TimeUnit{"msec", 1},
    TimeUnit{"", kSecond},
    TimeUnit{"s", kSecond},
    TimeUnit{"sec", kSecond},
    TimeUnit{"second", kSecond},
    TimeUnit{"seconds", kSecond},
    TimeUnit{"m", 60 * kSecond},
    TimeUnit{"min", 60 * kSecond},
    TimeUnit{"minute", 60 * kSecond},
    TimeUnit{"minutes", 60 * kSecond},
    TimeUnit{"h", 3600 * kSecond},
    TimeUnit{"hr", 3600 * kSecond},
    TimeUnit{"hour", 3600 * kSecond},
    TimeUnit{"hours", 3600 * kSecond},
    TimeUnit{"d", kDay},
    TimeUnit{"day", kDay},
    TimeUnit{"days", kDay},
    TimeUnit{"w", 7 * kDay},
    TimeUnit{"week", 7 * kDay},
    TimeUnit{"weeks", 7 * kDay},
    TimeUnit{"M", 30.44 * kDay},
    TimeUnit{"month", 30.44 * kDay},
    TimeUnit{"months", 30.44 * kDay},
    TimeUnit{"y", 365.25 * kDay},
    TimeUnit{"year", 365.25 * kDay},
    TimeUnit{"years", 365.25 * kDay},
};

std::optional<double> unit_factor(std::string_view name) {
    for (const TimeUnit& unit : kTimeUnits)
        if (unit.name == name) return unit.milliseconds;
    return std::nullopt;
}

/// Digits with or without a fraction at the front of `text`.
std::optional<double> take_number(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() &&
           ((text[length] >= '0' && text[length] <= '9') || text[length] == '.'))
        ++length;
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + length, value, std::chars_format::fixed);
    if (length == 0 || error != std::errc{} || end != text.data() + length) return std::nullopt;
    text.remove_prefix(length);
    return value;
}

std::string_view take_word(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && text[length] != ' ' && text[length] != '\t' &&
           !(text[length] >= '0' && text[length] <= '9'))
        ++length;
    const auto word = text.substr(0, length);
    text.remove_prefix(length);
    return word;
}

std::string duration_text(std::uint64_t milliseconds) {
    struct Part {
        const char* name;
        std::uint64_t size;
    };

    constexpr std::array kParts{Part{"d", 86'400'000}, Part{"h", 3'600'000}, Part{"m", 60'000},
                                Part{"s", 1000}, Part{"ms", 1}};
    // What people write as seconds stays seconds: "90s" is read more easily than "1m30s".
    if (milliseconds < 120'000 && milliseconds % 1000 == 0)
        return std::to_string(milliseconds / 1000) + "s";
    std::string out;
    for (const Part& part : kParts) {
        const std::uint64_t count = milliseconds / part.size;
        milliseconds %= part.size;
        if (count != 0) out += std::to_string(count) + part.name;
    }
    return out.empty() ? "0s" : out;
}

Amount infinite() {
    Amount amount;
    amount.text = "infinity";
    amount.is_infinite = true;
    return amount;
}

Amount failed(std::string problem) {
    Amount amount;
    amount.problem = std::move(problem);
    return amount;
}

constexpr std::array<std::string_view, 6> kByteLimits{"as",    "core",    "data",
                                                      "fsize", "memlock", "msgqueue"};

bool counts_bytes(std::string_view name) {
    for (const std::string_view known : kByteLimits)
        if (known == name) return true;
    return name == "rss" || name == "stack";
}

Amount one_limit(std::string_view name, std::string_view text) {
    if (text == "infinity") return infinite();
    if (counts_bytes(name)) return byte_size(text);
    if (name == "cpu" || name == "rttime") {
        // A bare number is seconds of processor time, but microseconds of real-time.
        const bool bare = unitfile::parse_digits(text).has_value();
        const std::string spelled = std::string(text) + (bare && name == "rttime" ? "us" : "");
        Amount amount = time_span(spelled);
        return amount;
    }
    if (name == "nice" && (text.starts_with('+') || text.starts_with('-'))) {
        const auto number = unitfile::parse_digits(text.substr(1), 20);
        if (!number) return failed("there is no such nice value");
        const auto value = static_cast<std::int64_t>(*number);
        Amount amount;
        amount.text = std::to_string(20 - (text.front() == '-' ? -value : value));
        return amount;
    }
    // A count may have a suffix too ("64K"), in powers of 1024.
    Amount amount = byte_size(text);
    if (!amount.text) return amount;
    const auto bytes = unitfile::parse_size(*amount.text);
    if (bytes.value) amount.text = std::to_string(*bytes.value);
    return amount;
}

struct NamedStatus {
    std::string_view name;
    int code;
};

/// sysexits.h, and systemd's own from 200 on (systemd.exec(5)).
constexpr std::array kStatuses{
    NamedStatus{"SUCCESS", 0},
    NamedStatus{"FAILURE", 1},
    NamedStatus{"INVALIDARGUMENT", 2},
    NamedStatus{"NOTIMPLEMENTED", 3},
    NamedStatus{"NOPERMISSION", 4},
    NamedStatus{"NOTINSTALLED", 5},
    NamedStatus{"NOTCONFIGURED", 6},
    NamedStatus{"NOTRUNNING", 7},
    NamedStatus{"USAGE", 64},
    NamedStatus{"DATAERR", 65},
    NamedStatus{"NOINPUT", 66},
    NamedStatus{"NOUSER", 67},
    NamedStatus{"NOHOST", 68},
    NamedStatus{"UNAVAILABLE", 69},
    NamedStatus{"SOFTWARE", 70},
    NamedStatus{"OSERR", 71},
    NamedStatus{"OSFILE", 72},
    NamedStatus{"CANTCREAT", 73},
    NamedStatus{"IOERR", 74},
    NamedStatus{"TEMPFAIL", 75},
    NamedStatus{"PROTOCOL", 76},
    NamedStatus{"NOPERM", 77},
    NamedStatus{"CONFIG", 78},
    NamedStatus{"CHDIR", 200},
    NamedStatus{"NICE", 201},
    NamedStatus{"FDS", 202},
    NamedStatus{"EXEC", 203},
    NamedStatus{"MEMORY", 204},
    NamedStatus{"LIMITS", 205},
    NamedStatus{"OOM_ADJUST", 206},
    NamedStatus{"SIGNAL_MASK", 207},
    NamedStatus{"STDIN", 208},
    NamedStatus{"STDOUT", 209},
    NamedStatus{"CHROOT", 210},
    NamedStatus{"USER", 217},
    NamedStatus{"CAPABILITIES", 218},
    NamedStatus{"CGROUP", 219},
    NamedStatus{"NAMESPACE", 226},
    NamedStatus{"NO_NEW_PRIVILEGES", 227},
    NamedStatus{"SECCOMP", 228},
    NamedStatus{"EXCEPTION", 255},
};

} // namespace

Amount time_span(std::string_view text) {
    text = trimmed(text);
    if (text == "infinity") return infinite();
    if (text.empty()) return failed("there is no time");
    double total = 0;
    while (!text.empty()) {
        const auto number = take_number(text);
        if (!number) return failed("it is no time span");
        while (text.starts_with(' ') || text.starts_with('\t'))
            text.remove_prefix(1);
        const auto factor = unit_factor(take_word(text));
        if (!factor) return failed("it has an unknown unit of time");
        total += *number * *factor;
        text = trimmed(text);
    }
    if (total * 1e6 > static_cast<double>(unitfile::kLongestDuration.ns)) {
        Amount amount = infinite();
        amount.note = "nothing is timed longer than 49 days, so it is infinity";
        return amount;
    }
    Amount amount;
    const double rounded = std::ceil(total - 1e-6);
    if (std::abs(rounded - total) > 1e-6) amount.note = "rounded up to a millisecond";
    const auto milliseconds = static_cast<std::uint64_t>(rounded);
    amount.is_zero = milliseconds == 0;
    amount.text = duration_text(milliseconds);
    return amount;
}

Amount byte_size(std::string_view text) {
    text = trimmed(text);
    if (text == "infinity") return infinite();
    const auto number = take_number(text);
    if (!number) return failed("it is no size");
    while (text.starts_with(' '))
        text.remove_prefix(1);
    constexpr std::string_view kSuffixes = "BKMGTPE";
    std::size_t power = 0;
    if (!text.empty()) {
        power = kSuffixes.find(text.front());
        if (power == std::string_view::npos || text.size() > 1)
            return failed("it has an unknown suffix");
    }
    const double bytes = *number * std::pow(1024.0, static_cast<double>(power));
    if (bytes >= 9.0e18) return failed("it is too large");
    auto whole = static_cast<std::uint64_t>(bytes);
    Amount amount;
    amount.is_zero = whole == 0;
    // The largest unit that leaves no remainder.
    constexpr std::string_view kOurs = "BKMGT";
    std::size_t unit = 0;
    while (whole != 0 && whole % 1024 == 0 && unit + 1 < kOurs.size()) {
        whole /= 1024;
        ++unit;
    }
    amount.text = std::to_string(whole) + kOurs[unit];
    return amount;
}

Amount resource_limit(std::string_view name, std::string_view text) {
    const auto colon = text.find(':');
    Amount soft = one_limit(name, trimmed(text.substr(0, colon)));
    if (colon == std::string_view::npos || !soft.text) return soft;
    Amount hard = one_limit(name, trimmed(text.substr(colon + 1)));
    if (!hard.text) return hard;
    soft.text = *soft.text + ":" + *hard.text;
    soft.is_infinite = false;
    return soft;
}

std::optional<int> exit_status(std::string_view text) {
    if (const auto number = unitfile::parse_digits(text, 255)) return static_cast<int>(*number);
    for (const NamedStatus& known : kStatuses)
        if (known.name == text) return known.code;
    return std::nullopt;
}

std::string signal_word(std::string_view text) {
    const auto signal = unitfile::parse_signal(text);
    return signal.value ? unitfile::signal_name(*signal.value) : std::string{};
}

} // namespace stead::importing
