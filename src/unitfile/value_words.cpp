#include <algorithm>
#include <array>

#include "unitfile/names.h"
#include "unitfile/value.h"
#include "unitfile/values.h"

/// Values with a small language of their own: outcomes, URLs, priorities, processors, maps of
/// numbers, instances.
namespace stead::unitfile {

namespace {

struct Numbered {
    std::string_view name;
    std::uint8_t number;
};

/// ioprio_set(2) and sched(7).
constexpr std::array kIoClasses{Numbered{"real-time", 1}, Numbered{"best-effort", 2},
                                Numbered{"idle", 3}};
constexpr std::array kCpuPolicies{Numbered{"other", 0}, Numbered{"fifo", 1}, Numbered{"rr", 2},
                                  Numbered{"batch", 3}, Numbered{"idle", 5}};
constexpr std::array kActions{
    Numbered{"none", static_cast<std::uint8_t>(OutcomeAction::None)},
    Numbered{"exit", static_cast<std::uint8_t>(OutcomeAction::Exit)},
    Numbered{"shutdown", static_cast<std::uint8_t>(OutcomeAction::Shutdown)},
    Numbered{"reboot", static_cast<std::uint8_t>(OutcomeAction::Reboot)}};
constexpr std::uint64_t kMaxProcessors = 1024;
constexpr std::size_t kMaxSignalPairs = 32;
constexpr std::int64_t kMaxInstances = 1000;

std::optional<std::uint8_t> number_of(std::span<const Numbered> known, std::string_view name) {
    const auto found =
        std::find_if(known.begin(), known.end(), [&](const Numbered& n) { return n.name == name; });
    if (found == known.end()) return std::nullopt;
    return found->number;
}

/// "real-time:3" in its two halves; the second is empty without a colon.
std::pair<std::string_view, std::string_view> split_at_colon(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return {text, {}};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

} // namespace

Parsed<OutcomeSpec> parse_outcome(std::string_view text) {
    if (text.starts_with("unit:")) {
        const std::string problem = unit_name_problem(text.substr(5));
        if (!problem.empty()) return {{}, "the unit's name " + problem};
        return {OutcomeSpec{OutcomeAction::StartUnit, std::string(text.substr(5)), {}}, {}};
    }
    const auto action = number_of(kActions, text);
    if (!action) return {{}, "use none, exit, shutdown, reboot or unit:NAME"};
    return {OutcomeSpec{static_cast<OutcomeAction>(*action), {}, {}}, {}};
}

Parsed<Url> parse_url(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use http:// with a numeric address or localhost, such as \"http://127.0.0.1:8080/health\"";
    constexpr std::string_view kScheme = "http://";
    if (!text.starts_with(kScheme)) return {{}, std::string(kWayOut)};
    text.remove_prefix(kScheme.size());
    const auto slash = std::min(text.find('/'), text.size());
    std::string authority(text.substr(0, slash));
    Url url;
    url.path = slash == text.size() ? "/" : std::string(text.substr(slash));
    for (const char c : url.path) {
        if (c <= ' ' || c > '~') return {{}, "its path has a blank or a letter outside ASCII"};
    }
    url.host = authority;
    if (authority.starts_with("localhost")) authority.replace(0, 9, "127.0.0.1");
    const bool has_port = authority.ends_with(']') ? false : authority.find(':') != authority.npos;
    const auto endpoint = parse_endpoint(has_port ? authority : authority + ":80");
    if (!endpoint.value) return {{}, std::string(kWayOut)};
    url.endpoint = *endpoint.value;
    return {url, {}};
}

Parsed<std::uint16_t> parse_io_priority(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use idle, or best-effort or real-time with a level from 0 (first) to 7: \"best-effort:4\"";
    const auto [name, level_text] = split_at_colon(text);
    const auto io_class = number_of(kIoClasses, name);
    const auto level = level_text.empty() ? std::optional<std::uint64_t>(name == "idle" ? 0U : 4U)
                                          : parse_digits(level_text, 7);
    if (!io_class || !level || (name == "idle" && !level_text.empty()) || text.ends_with(':'))
        return {{}, std::string(kWayOut)};
    return {static_cast<std::uint16_t>(static_cast<std::uint64_t>(*io_class) << 13U | *level), {}};
}

Parsed<CpuPolicy> parse_cpu_policy(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use other, batch, idle, or fifo or rr with a priority from 1 to 99: \"fifo:10\"";
    const auto [name, priority_text] = split_at_colon(text);
    const auto number = number_of(kCpuPolicies, name);
    if (!number || text.ends_with(':')) return {{}, std::string(kWayOut)};
    CpuPolicy policy{*number, 0};
    const bool real_time = name == "fifo" || name == "rr";
    const auto priority = parse_digits(priority_text, 99);
    if (real_time != !priority_text.empty() || (real_time && (!priority || *priority == 0)))
        return {{}, std::string(kWayOut)};
    if (real_time) policy.priority = static_cast<std::uint8_t>(*priority);
    return {policy, {}};
}

Parsed<std::vector<std::byte>> parse_processors(std::string_view text) {
    constexpr std::string_view kWayOut =
        "use numbers and ranges of processors from 0 to 1023, such as \"0-3,5\"";
    std::vector<std::byte> mask;
    if (text.empty()) return {{}, std::string(kWayOut)};
    while (true) {
        const auto comma = std::min(text.find(','), text.size());
        const std::string_view item = text.substr(0, comma);
        const auto dash = std::min(item.find('-'), item.size());
        const auto first = parse_digits(item.substr(0, dash), kMaxProcessors - 1);
        const auto last =
            dash == item.size() ? first : parse_digits(item.substr(dash + 1), kMaxProcessors - 1);
        if (!first || !last || *last < *first) return {{}, std::string(kWayOut)};
        // sched_setaffinity(2) reads whole words of 8 bytes.
        if (mask.size() <= *last / 8) mask.resize((*last / 64 + 1) * 8);
        for (std::uint64_t cpu = *first; cpu <= *last; ++cpu)
            mask[cpu / 8] |= static_cast<std::byte>(1U << cpu % 8);
        if (comma == text.size()) return {mask, {}};
        text.remove_prefix(comma + 1);
    }
}

Parsed<std::string> parse_terminal(std::string_view text) {
    const std::string path =
        text.starts_with('/') ? std::string(text) : "/dev/" + std::string(text);
    if (text.empty() || !path_problem(path).empty() || !path.starts_with("/dev/"))
        return {{}, "use a terminal's name, such as \"console\" or \"/dev/tty1\""};
    return {path, {}};
}

std::optional<Value> ValueReader::read_exit_map(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::Table)) return refuse(found, node, "it must be a table: { 143 = 0 }");
    NumberPairs pairs;
    for (const Member& member : node.members) {
        const auto from = parse_digits(member.key, 255);
        const Node& to = member.value;
        if (!from || !to.is(NodeType::Integer) || to.integer < 0 || to.integer > 255) {
            reporter_.error(member.at, found.name + " has '" + member.key + "' = " + shown(to) +
                                           "; both are exit codes from 0 to 255, a signal is 128 "
                                           "and its number");
            return std::nullopt;
        }
        pairs.emplace_back(static_cast<std::uint8_t>(*from), static_cast<std::uint8_t>(to.integer));
    }
    if (pairs.size() > kMaxCodeChanges)
        return refuse(found, node, "at most 8 exit codes can be changed");
    return Value(std::move(pairs));
}

std::optional<Value> ValueReader::read_signal_map(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::Table))
        return refuse(found, node, "it must be a table: { TERM = \"QUIT\" }");
    NumberPairs pairs;
    for (const Member& member : node.members) {
        const auto from = parse_signal(member.key);
        Parsed<std::uint8_t> to{{}, "use a signal's name, or none"};
        if (member.value.is(NodeType::String)) to = parse_signal(member.value.text);
        if (member.value.is(NodeType::String) && member.value.text == "none") to = {0, {}};
        const bool never_comes =
            from.value && (*from.value == 9 || *from.value == 17 || *from.value == 19);
        if (!from.value || !to.value || never_comes) {
            reporter_.error(member.at, found.name + " has '" + member.key +
                                           "' = " + shown(member.value) + "; " +
                                           (never_comes  ? "that signal never reaches PID 1"
                                            : from.value ? to.problem
                                                         : from.problem));
            return std::nullopt;
        }
        pairs.emplace_back(*from.value, *to.value);
    }
    if (pairs.size() > kMaxSignalPairs) return refuse(found, node, "at most 32 signals are mapped");
    return Value(std::move(pairs));
}

std::optional<Value> ValueReader::read_instances(const FoundKey& found) {
    const Node& node = *found.value;
    TextList names;
    const Place place = reporter_.at(node.at);
    if (node.is(NodeType::Integer)) {
        if (node.integer < 0 || node.integer > kMaxInstances)
            return refuse(found, node, "use a number from 0 to 1000, or a list of names");
        for (std::int64_t i = 1; i <= node.integer; ++i)
            names.push_back({std::to_string(i), place});
        return Value(std::move(names));
    }
    if (!node.is(NodeType::List))
        return refuse(found, node, "it must be a list of names, or a number");
    for (const Node& item : node.items) {
        std::string problem = "is no name in quotes";
        if (item.is(NodeType::String)) problem = unit_name_problem("x@" + item.text);
        if (item.is(NodeType::String) && item.text.empty()) problem = "is empty";
        if (!problem.empty()) {
            reporter_.error(item.at, found.name + " has " + shown(item) + ", which " + problem);
            return std::nullopt;
        }
        names.push_back({item.text, reporter_.at(item.at)});
    }
    return Value(std::move(names));
}

} // namespace stead::unitfile
