#include <sys/resource.h>

#include <array>

#include "unitfile/values.h"

namespace stead::unitfile {

namespace {

/// What a resource limit counts.
enum class Counts : std::uint8_t { Number, Bytes, Seconds, Microseconds };

struct Rlimit {
    std::string_view name;
    std::uint32_t number;
    Counts counts;
};

constexpr std::array kRlimits{
    Rlimit{"as", RLIMIT_AS, Counts::Bytes},
    Rlimit{"core", RLIMIT_CORE, Counts::Bytes},
    Rlimit{"cpu", RLIMIT_CPU, Counts::Seconds},
    Rlimit{"data", RLIMIT_DATA, Counts::Bytes},
    Rlimit{"fsize", RLIMIT_FSIZE, Counts::Bytes},
    Rlimit{"locks", RLIMIT_LOCKS, Counts::Number},
    Rlimit{"memlock", RLIMIT_MEMLOCK, Counts::Bytes},
    Rlimit{"msgqueue", RLIMIT_MSGQUEUE, Counts::Bytes},
    Rlimit{"nice", RLIMIT_NICE, Counts::Number},
    Rlimit{"nofile", RLIMIT_NOFILE, Counts::Number},
    Rlimit{"nproc", RLIMIT_NPROC, Counts::Number},
    Rlimit{"rss", RLIMIT_RSS, Counts::Bytes},
    Rlimit{"rtprio", RLIMIT_RTPRIO, Counts::Number},
    Rlimit{"rttime", RLIMIT_RTTIME, Counts::Microseconds},
    Rlimit{"sigpending", RLIMIT_SIGPENDING, Counts::Number},
    Rlimit{"stack", RLIMIT_STACK, Counts::Bytes},
};

/// RLIM_INFINITY as the kernel has it, on every word size.
constexpr std::uint64_t kNoLimit = UINT64_MAX;

const Rlimit* find(std::string_view name) {
    for (const Rlimit& known : kRlimits) {
        if (known.name == name) return &known;
    }
    return nullptr;
}

Parsed<std::uint64_t> parse_time_limit(std::string_view text, Counts counts) {
    const auto duration = parse_duration(text);
    if (!duration.value) return {{}, duration.problem};
    const std::int64_t divisor = counts == Counts::Seconds ? 1'000'000'000 : 1'000;
    if (duration.value->ns % divisor != 0) return {{}, "the kernel counts whole seconds here"};
    return {static_cast<std::uint64_t>(duration.value->ns / divisor), {}};
}

Parsed<std::uint64_t> parse_limit_value(const Rlimit& rlimit, std::string_view text) {
    if (text == "infinity") return {kNoLimit, {}};
    // Zero is zero in every unit.
    if (text == "0") return {0, {}};
    switch (rlimit.counts) {
    case Counts::Number: {
        const auto number = parse_digits(text, INT64_MAX);
        if (!number) return {{}, "it counts things: use digits, \"SOFT:HARD\" or \"infinity\""};
        return {*number, {}};
    }
    case Counts::Bytes:
        return parse_size(text);
    case Counts::Seconds:
    case Counts::Microseconds:
        return parse_time_limit(text, rlimit.counts);
    }
    return {{}, "unknown kind of limit"};
}

enum class LevelForm : std::uint8_t { Size, Flag, Count, Weight, Cpu };

struct Level {
    std::string_view key;
    LevelForm form;
};

constexpr std::array kLevels{
    Level{"memory-max", LevelForm::Size},      Level{"memory-high", LevelForm::Size},
    Level{"memory-low", LevelForm::Size},      Level{"memory-min", LevelForm::Size},
    Level{"memory-swap-max", LevelForm::Size}, Level{"memory-oom-group", LevelForm::Flag},
    Level{"cpu-max", LevelForm::Cpu},          Level{"cpu-weight", LevelForm::Weight},
    Level{"pids-max", LevelForm::Count},       Level{"io-weight", LevelForm::Weight},
};

/// "memory-oom-group" is memory.oom.group.
std::string file_of(std::string_view key) {
    std::string file(key);
    for (char& c : file) {
        if (c == '-') c = '.';
    }
    return file;
}

/// "150%" of one CPU as cpu.max has it: microseconds in each period of 100 ms.
Parsed<std::string> parse_cpu(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use a percentage of one CPU, such as \"150%\", or \"infinity\"";
    if (!text.ends_with('%')) return {{}, std::string(kWayOut)};
    const auto percent = parse_digits(text.substr(0, text.size() - 1), 1'000'000);
    if (!percent || *percent == 0) return {{}, std::string(kWayOut)};
    // 1 % is 1000 of 100000 microseconds, the least the kernel takes.
    return {std::to_string(*percent * 1000) + " 100000", {}};
}

Parsed<std::string> parse_level_text(LevelForm form, std::string_view text, bool is_string) {
    const bool unlimited = text == "infinity";
    switch (form) {
    case LevelForm::Size: {
        if (unlimited) return {"max", {}};
        if (text == "0") return {"0", {}};
        const auto size = parse_size(text);
        if (!size.value) return {{}, size.problem};
        return {std::to_string(*size.value), {}};
    }
    case LevelForm::Flag:
        if (!is_string && (text == "true" || text == "false"))
            return {text == "true" ? "1" : "0", {}};
        return {{}, "use true or false"};
    case LevelForm::Count: {
        if (unlimited) return {"max", {}};
        const auto count = parse_digits(text, UINT32_MAX / 1024);
        if (!count || *count == 0 || is_string)
            return {{}, "use a number from 1 to 4194303, or \"infinity\""};
        return {std::string(text), {}};
    }
    case LevelForm::Weight: {
        const auto weight = parse_digits(text, 10000);
        if (!weight || *weight == 0 || is_string)
            return {{}, "use a number from 1 to 10000; 100 is the default share"};
        return {std::string(text), {}};
    }
    case LevelForm::Cpu:
        if (unlimited) return {"max 100000", {}};
        return parse_cpu(text);
    }
    return {{}, "unknown kind of level"};
}

} // namespace

std::optional<std::uint32_t> find_rlimit(std::string_view name) {
    const Rlimit* const rlimit = find(name);
    if (rlimit == nullptr) return std::nullopt;
    return rlimit->number;
}

Parsed<ResourceLimit> parse_rlimit(std::string_view name, std::string_view text) {
    const Rlimit* const rlimit = find(name);
    if (rlimit == nullptr) return {{}, "there is no such limit"};
    const auto colon = text.find(':');
    const auto soft = parse_limit_value(*rlimit, text.substr(0, colon));
    if (!soft.value) return {{}, soft.problem};
    auto hard = soft;
    if (colon != std::string_view::npos) hard = parse_limit_value(*rlimit, text.substr(colon + 1));
    if (!hard.value) return {{}, hard.problem};
    if (*soft.value > *hard.value) return {{}, "the soft limit is above the hard one"};
    return {ResourceLimit{rlimit->number, 0, *soft.value, *hard.value}, {}};
}

Parsed<LevelText> parse_level(std::string_view key, std::string_view text, bool is_string) {
    for (const Level& level : kLevels) {
        if (level.key != key) continue;
        auto content = parse_level_text(level.form, text, is_string);
        if (!content.value) return {{}, std::move(content.problem)};
        return {LevelText{file_of(key), std::move(*content.value)}, {}};
    }
    return {{}, "there is no such level"};
}

} // namespace stead::unitfile
