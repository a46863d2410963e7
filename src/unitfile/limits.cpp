#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "resources/table.h"
#include "unitfile/values.h"

namespace stead::unitfile {

namespace {

using resources::Form;
using resources::Level;

/// RLIM_INFINITY as the kernel has it, on every word size.
constexpr std::uint64_t kNoLimit = UINT64_MAX;

const Level* find_limit(std::string_view name) {
    const Level* const level = resources::find_level(name);
    return level != nullptr && level->kernel == resources::Kernel::Rlimit ? level : nullptr;
}

Parsed<std::uint64_t> parse_time_limit(std::string_view text, Form form) {
    const auto duration = parse_duration(text);
    if (!duration.value) return {{}, duration.problem};
    const std::int64_t divisor = form == Form::LimitSeconds ? 1'000'000'000 : 1'000;
    if (duration.value->ns % divisor != 0) return {{}, "the kernel counts whole seconds here"};
    return {static_cast<std::uint64_t>(duration.value->ns / divisor), {}};
}

Parsed<std::uint64_t> parse_limit_value(Form form, std::string_view text) {
    if (text == "infinity" || text == "max") return {kNoLimit, {}};
    // Zero is zero in every unit.
    if (text == "0") return {0, {}};
    if (form == Form::LimitBytes) return parse_size(text);
    if (form != Form::LimitCount) return parse_time_limit(text, form);
    const auto number = parse_digits(text, INT64_MAX);
    if (!number) return {{}, "it counts things: use digits, \"SOFT:HARD\" or \"infinity\""};
    return {*number, {}};
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(at);
        if (end != 0 && !text.empty()) parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

bool is_unlimited(std::string_view text) {
    return text == "infinity" || text == "max";
}

Parsed<std::string> parse_memory(std::string_view text) {
    if (is_unlimited(text)) return {"max", {}};
    if (text == "0") return {"0", {}};
    if (text.ends_with('%')) {
        const auto percent = parse_digits(text.substr(0, text.size() - 1), 100);
        if (!percent || *percent == 0) return {{}, "use 1% to 100% of the host's memory"};
        return {std::to_string(*percent) + "%", {}};
    }
    auto size = parse_size(text);
    if (!size.value) return {{}, std::move(size.problem)};
    return {std::to_string(*size.value), {}};
}

/// "150%" of one processor or "2.5" processors as cpu.max has it: microseconds in each period of
/// 100 ms.
Parsed<std::string> parse_cpu(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use a percentage of one CPU, such as \"150%\", a number of CPUs, such as 2.5, or \"max\"";
    constexpr double kLeast = 0.01;
    constexpr double kMost = 10'000;
    if (is_unlimited(text)) return {"max 100000", {}};
    const bool percent = text.ends_with('%');
    const std::string_view digits = percent ? text.substr(0, text.size() - 1) : text;
    if (digits.empty() || digits.find_first_not_of("0123456789.") != std::string_view::npos)
        return {{}, std::string(kWayOut)};
    double processors = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), processors);
    if (percent) processors /= 100;
    if (error != std::errc{} || end != digits.data() + digits.size() || processors < kLeast ||
        processors > kMost)
        return {{}, std::string(kWayOut)};
    // 1 % is 1000 of 100000 microseconds, the least the kernel takes.
    return {std::to_string(std::llround(processors * 100'000)) + " 100000", {}};
}

Parsed<std::string> parse_microseconds(std::string_view text) {
    if (text == "0") return {"0", {}};
    auto duration = parse_duration(text);
    if (!duration.value) return {{}, std::move(duration.problem)};
    if (duration.value->is_infinite()) return {{}, "there is no end of time here"};
    return {std::to_string(duration.value->ns / 1'000), {}};
}

/// Space on a disk.
Parsed<std::string> parse_space(std::string_view text) {
    if (is_unlimited(text)) return {"max", {}};
    if (text.ends_with('%'))
        return {{}, "a part of the host's disk is no fixed size; write one, such as \"10G\""};
    auto size = parse_size(text);
    if (!size.value) return {{}, std::move(size.problem)};
    // Quotas count in 64 bits of at least 512 bytes, and take 0 for no limit.
    if (*size.value == 0 || *size.value > INT64_MAX)
        return {{}, "use a size, such as \"10G\", or \"max\" for no limit"};
    return {std::to_string(*size.value), {}};
}

Parsed<std::string> parse_number(const Level& level, std::string_view text, bool may_be_max) {
    if (may_be_max && is_unlimited(text)) return {"max", {}};
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number >= level.low &&
        number <= level.high)
        return {std::to_string(number), {}};
    std::string way_out = "use a number from " + std::to_string(level.low);
    if (level.high != INT64_MAX) way_out += " to " + std::to_string(level.high);
    return {{}, way_out + (may_be_max ? ", or \"max\"" : "")};
}

/// "20000", "20k", "2M".
Parsed<std::string> parse_things(const Level& level, std::string_view text) {
    const std::uint64_t unit = text.ends_with('k') ? 1'000 : text.ends_with('M') ? 1'000'000 : 1;
    if (unit == 1) return parse_number(level, text, true);
    const auto number = parse_digits(text.substr(0, text.size() - 1), 1'000'000'000);
    if (!number || *number == 0) return {{}, "use a number, such as 20000 or \"20k\", or \"max\""};
    return {std::to_string(*number * unit), {}};
}

Parsed<std::string> parse_percent(std::string_view text) {
    if (is_unlimited(text)) return {"max", {}};
    const auto percent =
        text.ends_with('%') ? parse_digits(text.substr(0, text.size() - 1), 100) : std::nullopt;
    if (!percent) return {{}, "use a percentage, such as \"50%\", or \"max\""};
    return {std::to_string(*percent) + ".00", {}};
}

/// "0-3,5" with every number in its place.
Parsed<std::string> parse_ranges(std::string_view text) {
    constexpr std::uint64_t kMost = 8191;
    constexpr std::string_view kWayOut = "use numbers and ranges, such as \"0-3,5\"";
    for (std::string_view rest = text;;) {
        const auto comma = rest.find(',');
        const std::string_view part = rest.substr(0, comma);
        const auto dash = part.find('-');
        const auto first = parse_digits(part.substr(0, dash), kMost);
        const auto last =
            dash == std::string_view::npos ? first : parse_digits(part.substr(dash + 1), kMost);
        if (!first || !last || *last < *first) return {{}, std::string(kWayOut)};
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    return {std::string(text), {}};
}

/// "rbps=10M" as the kernel has it; empty: it is none.
std::string disk_setting(std::string_view word) {
    const auto equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string_view text =
        equals == std::string_view::npos ? std::string_view{} : word.substr(equals + 1);
    const bool bytes = name == "rbps" || name == "wbps";
    if (!bytes && name != "riops" && name != "wiops") return {};
    if (is_unlimited(text)) return std::string(name) + "=max";
    const auto value = bytes ? parse_size(text).value : parse_digits(text, UINT32_MAX);
    if (!value || *value == 0) return {};
    return std::string(name) + "=" + std::to_string(*value);
}

Parsed<std::string> parse_disk_line(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() < 2)
        return {{}, "write a disk and what it may do: \"/dev/sda rbps=10M wiops=100\""};
    std::string content(words.front());
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string setting = disk_setting(words[i]);
        if (setting.empty())
            return {{},
                    "'" + std::string(words[i]) +
                        "' is no limit of a disk; use rbps= or wbps= with a size, riops= or "
                        "wiops= with a number, or =max"};
        content += " " + setting;
    }
    return {content, {}};
}

Parsed<std::string> parse_latency_line(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() != 2) return {{}, "write a disk and a duration: \"/dev/sda 10ms\""};
    auto time = parse_microseconds(words[1]);
    if (!time.value) return time;
    return {std::string(words[0]) + " target=" + *time.value, {}};
}

/// Why no device of a guest can be there; empty: one can.
std::string device_path_problem(std::string_view path) {
    constexpr std::array<std::string_view, 17> kOwn = {
        "null",   "zero",   "full", "random", "urandom", "tty", "ptmx", "console", "stdin",
        "stdout", "stderr", "fd",   "log",    "core",    "pts", "shm",  "mqueue"};
    constexpr std::string_view kFolder = "/dev/";
    constexpr std::size_t kLongest = 255;
    const std::string quoted = "'" + std::string(path) + "'";
    if (!path.starts_with(kFolder) || path.size() > kLongest)
        return quoted + " is no path below /dev";
    const auto parts = split(path.substr(kFolder.size()), '/');
    std::string plain = "/dev";
    for (const std::string_view part : parts)
        plain += part == "." || part == ".." ? "" : "/" + std::string(part);
    if (parts.empty() || plain != path) return quoted + " is no path below /dev in its plain form";
    if (std::find(kOwn.begin(), kOwn.end(), parts.front()) == kOwn.end()) return {};
    return "/dev/" + std::string(parts.front()) + " is the guest's own, which it always has";
}

/// "/dev/fuse rw": the way it is compared and resolved.
Parsed<std::string> parse_device_line(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.empty() || words.size() > 2) return {{}, "write \"PATH\", \"PATH r\" or \"PATH w\""};
    std::string problem = device_path_problem(words[0]);
    if (!problem.empty()) return {{}, std::move(problem)};
    const std::string path(words[0]);
    const std::string_view access = words.size() > 1 ? words[1] : "rw";
    if (access == "r" || access == "w" || access == "rw")
        return {path + " " + std::string(access), {}};
    if (access.find('m') != std::string_view::npos)
        return {{}, "nobody inside makes devices, Stead makes the node; write \"" + path + " rw\""};
    return {{}, "'" + std::string(access) + "' is none of r, w and rw"};
}

Parsed<std::string> parse_entry_line(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() < 2) return {{}, "write a name and its count: \"NAME COUNT\""};
    std::string content;
    for (const std::string_view word : words)
        content += (content.empty() ? "" : " ") + std::string(word);
    return {content, {}};
}

Parsed<std::string> parse_lines(std::string_view text,
                                Parsed<std::string> (*parse)(std::string_view)) {
    constexpr std::size_t kMaxLines = 16;
    const auto lines = split(text, '\n');
    if (lines.empty() || lines.size() > kMaxLines) return {{}, "write one to 16 entries"};
    std::string content;
    for (const std::string_view line : lines) {
        auto parsed = parse(line);
        if (!parsed.value) return parsed;
        content += (content.empty() ? "" : "\n") + *parsed.value;
    }
    return {content, {}};
}

Parsed<std::string> parse_sem(std::string_view text) {
    const auto words = split(text, ' ');
    std::string content;
    for (const std::string_view word : words) {
        if (!parse_digits(word, INT32_MAX)) return {{}, "use four numbers"};
        content += (content.empty() ? "" : " ") + std::string(word);
    }
    if (words.size() != 4) return {{}, "use four numbers"};
    return {content, {}};
}

Parsed<std::string> parse_word(const Level& level, std::string_view text) {
    const auto words = split(level.words, '|');
    std::string way_out = "use ";
    for (const std::string_view word : words) {
        if (word == text) return {std::string(text), {}};
        way_out += std::string(word) + (word == words.back() ? "" : ", ");
    }
    return {{}, way_out};
}

Parsed<std::string> parse_content(const Level& level, std::string_view text) {
    switch (level.form) {
    case Form::Memory:
        return parse_memory(text);
    case Form::Flag:
        if (text == "true" || text == "false") return {text == "true" ? "1" : "0", {}};
        return {{}, "use true or false"};
    case Form::Count:
        return parse_number(level, text, true);
    case Form::Things:
        return parse_things(level, text);
    case Form::Space:
        return parse_space(text);
    case Form::Number:
        return parse_number(level, text, false);
    case Form::Cpu:
        return parse_cpu(text);
    case Form::Time:
        return parse_microseconds(text);
    case Form::Percent:
        return parse_percent(text);
    case Form::List:
        return parse_ranges(text);
    case Form::Word:
        return parse_word(level, text);
    case Form::Io:
        return parse_lines(text, parse_disk_line);
    case Form::IoLatency:
        return parse_lines(text, parse_latency_line);
    case Form::Entries:
        return parse_lines(text, parse_entry_line);
    case Form::DeviceList:
        if (text == "none") return {"none", {}};
        return parse_lines(text, parse_device_line);
    case Form::Sem:
        return parse_sem(text);
    case Form::LimitCount:
    case Form::LimitBytes:
    case Form::LimitSeconds:
    case Form::LimitMicroseconds:
        break;
    }
    return {{}, "unknown kind of level"};
}

/// Numbers and truths stand bare in TOML, so that nobody wonders whether "2" is one.
bool is_bare(Form form, std::string_view text) {
    if (form == Form::Things) return text.find_first_not_of("0123456789") == std::string_view::npos;
    return form == Form::Flag || form == Form::Count || form == Form::Number;
}

} // namespace

std::optional<std::uint32_t> find_rlimit(std::string_view name) {
    const Level* const limit = find_limit(name);
    if (limit == nullptr) return std::nullopt;
    return limit->resource;
}

Parsed<ResourceLimit> parse_rlimit(std::string_view name, std::string_view text) {
    const Level* const limit = find_limit(name);
    if (limit == nullptr) return {{}, "there is no such limit"};
    const auto colon = text.find(':');
    const auto soft = parse_limit_value(limit->form, text.substr(0, colon));
    if (!soft.value) return {{}, soft.problem};
    auto hard = soft;
    if (colon != std::string_view::npos)
        hard = parse_limit_value(limit->form, text.substr(colon + 1));
    if (!hard.value) return {{}, hard.problem};
    if (*soft.value > *hard.value) return {{}, "the soft limit is above the hard one"};
    return {ResourceLimit{limit->resource, 0, *soft.value, *hard.value}, {}};
}

Parsed<LevelText> parse_level(std::string_view key, std::string_view text) {
    const Level* const level = resources::find_level(key);
    if (level == nullptr || level->kernel == resources::Kernel::Rlimit)
        return {{}, "there is no such level"};
    auto content = parse_content(*level, text);
    if (!content.value) return {{}, std::move(content.problem)};
    return {LevelText{std::string(level->object), std::move(*content.value)}, {}};
}

Parsed<LevelText> parse_level(std::string_view key, std::string_view text, bool is_string) {
    const Level* const level = resources::find_level(key);
    if (level != nullptr && is_string && is_bare(level->form, text) && !is_unlimited(text)) {
        auto plain = parse_level(key, text);
        if (plain.value) plain.problem = "write it without quotes";
        return {{}, std::move(plain.problem)};
    }
    return parse_level(key, text);
}

} // namespace stead::unitfile
