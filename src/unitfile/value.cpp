#include "unitfile/value.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "resources/table.h"
#include "unitfile/names.h"
#include "unitfile/values.h"
#include "unitfile/writer.h"

namespace stead::unitfile {

namespace {

/// A value that is read with its own function, for error messages.
std::string text_of(const Node& node) {
    if (node.is(NodeType::String)) return node.text;
    if (node.is(NodeType::Integer)) return std::to_string(node.integer);
    return node.boolean ? "true" : "false";
}

/// A list of words, in order, those not supported yet with their '-'.
std::vector<std::string> split_words(std::string_view words) {
    std::vector<std::string> out;
    while (!words.empty()) {
        const auto bar = words.find('|');
        out.emplace_back(words.substr(0, bar));
        if (bar == std::string_view::npos) break;
        words.remove_prefix(bar + 1);
    }
    return out;
}

bool is_splice(KeyType type) {
    return type == KeyType::Capabilities || type == KeyType::SystemCalls ||
           type == KeyType::Variables || type == KeyType::Splice;
}

std::string range_text(const Key& key) {
    std::string out =
        "use a number from " + std::to_string(key.low) + " to " + std::to_string(key.high);
    for (const std::string& word : split_words(key.words))
        out += ", or \"" + word + "\"";
    return out;
}

} // namespace

std::nullopt_t
ValueReader::refuse(const FoundKey& found, const Node& node, std::string_view way_out) {
    reporter_.error(node.at, found.name + " is " + shown(node) + "; " + std::string(way_out));
    return std::nullopt;
}

// NOLINTNEXTLINE(readability-function-size): a line for each type
std::optional<Value> ValueReader::read(const FoundKey& found) {
    switch (found.key->type) {
    case KeyType::Boolean:
    case KeyType::Integer:
    case KeyType::Number:
    case KeyType::Word:
    case KeyType::Duration:
    case KeyType::Size:
    case KeyType::Signal:
    case KeyType::Mode:
    case KeyType::Output:
    case KeyType::IdRange:
        return read_scalar(found);
    case KeyType::String:
    case KeyType::Path:
    case KeyType::User:
    case KeyType::UnitName:
    case KeyType::HostName:
    case KeyType::ErrorName:
    case KeyType::Address:
    case KeyType::Outcome:
    case KeyType::Url:
    case KeyType::IoPriority:
    case KeyType::CpuPolicy:
    case KeyType::Processors:
    case KeyType::Credential:
    case KeyType::Terminal:
        return read_text(found);
    case KeyType::Strings:
    case KeyType::OneOrMore:
    case KeyType::Paths:
    case KeyType::Users:
    case KeyType::UnitNames:
    case KeyType::SubPaths:
    case KeyType::Listens:
    case KeyType::Capabilities:
    case KeyType::SystemCalls:
    case KeyType::Variables:
    case KeyType::Splice:
    case KeyType::EnvironmentFiles:
    case KeyType::OptionalPaths:
    case KeyType::ConditionPaths:
    case KeyType::ConditionVariables:
    case KeyType::ConditionCapabilities:
    case KeyType::ConditionMachines:
    case KeyType::Sockets:
        return read_list(found);
    case KeyType::ExitCodes:
        return read_exit_codes(found);
    case KeyType::Command:
    case KeyType::Commands:
        return read_commands(found);
    case KeyType::Schedule:
        return read_schedule(found);
    case KeyType::Environment:
        return read_environment(found);
    case KeyType::Binds:
        return read_binds(found);
    case KeyType::ExitMap:
        return read_exit_map(found);
    case KeyType::SignalMap:
        return read_signal_map(found);
    case KeyType::Instances:
        return read_instances(found);
    case KeyType::Rlimit:
    case KeyType::Level:
        return read_limit(found);
    case KeyType::Landlock:
        return read_landlock(found);
    }
    reporter_.error(found.value->at, found.name + " is not supported yet");
    return std::nullopt;
}

std::optional<Value> ValueReader::read_scalar(const FoundKey& found) {
    switch (found.key->type) {
    case KeyType::Boolean:
        if (!found.value->is(NodeType::Boolean))
            return refuse(found, *found.value, "use true or false");
        return Value(found.value->boolean);
    case KeyType::Integer:
        return read_integer(found);
    case KeyType::Number:
        return read_number(found);
    case KeyType::Word:
        return read_word(found);
    case KeyType::Duration:
        return read_duration(found);
    case KeyType::Size:
        return read_size(found);
    case KeyType::Signal:
        return read_signal(found);
    case KeyType::Mode:
        return read_mode(found);
    case KeyType::Output:
        return read_output(found);
    default:
        return read_id_range(found);
    }
}

std::optional<std::string> ValueReader::expanded(const FoundKey& found, const Node& node) {
    if (!found.key->expandable) return node.text;
    ExpandedText text = expand(node.text, scope_);
    if (!text.problem) return std::move(text.text);
    reporter_.error(reporter_.inside(node, text.problem->offset),
                    found.name + ": " + text.problem->message);
    return std::nullopt;
}

std::optional<Value> ValueReader::read_text(const FoundKey& found) {
    const Node& node = *found.value;
    const KeyType type = found.key->type;
    Text text{{}, reporter_.at(node.at)};
    if (type == KeyType::User && node.is(NodeType::Integer)) {
        if (node.integer < 0) return refuse(found, node, "ids are numbers from 0 to 4294967294");
        text.value = std::to_string(node.integer);
    } else if (!node.is(NodeType::String)) {
        return refuse(found, node, "it must be " + std::string(describe(type)));
    } else {
        auto value = expanded(found, node);
        if (!value) return std::nullopt;
        text.value = std::move(*value);
    }
    // root = "host" stands for the host's own files.
    if (found.name == "root" && text.value == "host") return Value(std::move(text));
    const std::string problem = form_problem(type, text.value);
    if (problem.empty()) return Value(std::move(text));
    reporter_.error(node.at, found.name + " is " + shown(node) + problem);
    return std::nullopt;
}

std::optional<Value> ValueReader::read_list(const FoundKey& found) {
    const Node& node = *found.value;
    const KeyType type = found.key->type;
    const bool alone = type == KeyType::OneOrMore && node.is(NodeType::String);
    if (!node.is(NodeType::List) && !alone) {
        return refuse(found, node,
                      "it must be " + std::string(describe(type)) +
                          (node.is(NodeType::String) ? ": [\"" + node.text + "\"]" : ""));
    }
    ListSpec list{true, {}, reporter_.at(node.at)};
    std::set<std::string> seen;
    bool good = true;
    for (const Node& item : alone ? std::span(&node, 1) : std::span(node.items)) {
        Text text{{}, reporter_.at(item.at)};
        if (type == KeyType::Users && item.is(NodeType::Integer)) {
            text.value = std::to_string(item.integer);
        } else if (!item.is(NodeType::String)) {
            (void)refuse({found.key, "an item of " + found.name, &item}, item, "use a string");
            good = false;
            continue;
        } else if (auto value = expanded(found, item)) {
            text.value = std::move(*value);
        } else {
            good = false;
            continue;
        }
        const std::string problem = form_problem(type, text.value);
        if (!problem.empty()) {
            reporter_.error(item.at, found.name + " has " + shown(item) + problem);
            good = false;
        } else if (!seen.insert(text.value).second) {
            reporter_.error(item.at, found.name + " has '" + text.value + "' twice");
            good = false;
        }
        list.items.push_back(std::move(text));
    }
    if (!good) return std::nullopt;
    if (is_splice(type)) return Value(std::move(list));
    return Value(std::move(list.items));
}

namespace {

/// A level's text: of a list one line for each entry; nothing for what no level can be.
std::optional<std::string> written_level(const Node& node) {
    if (node.is(NodeType::String) || node.is(NodeType::Integer) || node.is(NodeType::Boolean))
        return text_of(node);
    if (node.is(NodeType::Number)) return toml_of(node);
    if (!node.is(NodeType::List) || node.items.empty()) return std::nullopt;
    std::string text;
    for (const Node& item : node.items) {
        if (!item.is(NodeType::String)) return std::nullopt;
        text += (text.empty() ? "" : "\n") + item.text;
    }
    return text;
}

} // namespace

std::optional<Value> ValueReader::read_limit(const FoundKey& found) {
    const Node& node = *found.value;
    const std::string key(found.key->name);
    const auto written = written_level(node);
    if (!written)
        return refuse(found, node,
                      "it must be " +
                          std::string(resources::describe(resources::find_level(key)->form)));
    const std::string& text = *written;
    if (found.key->type == KeyType::Rlimit) {
        const auto limit = parse_rlimit(key, text);
        if (!limit.value) return refuse(found, node, limit.problem);
        return Value(RlimitSpec{key, *limit.value, reporter_.at(node.at)});
    }
    auto level = parse_level(key, text, node.is(NodeType::String));
    if (!level.value) return refuse(found, node, level.problem);
    return Value(LevelSpec{key, text, std::move(level.value->file), std::move(level.value->content),
                           reporter_.at(node.at)});
}

std::optional<Value> ValueReader::read_integer(const FoundKey& found) {
    const Node& node = *found.value;
    if (node.is(NodeType::String) && !found.key->words.empty() && node.text == found.key->words)
        return Value(std::int64_t{kUnlimited});
    if (!node.is(NodeType::Integer) || node.integer < found.key->low ||
        node.integer > found.key->high)
        return refuse(found, node, range_text(*found.key));
    return Value(node.integer);
}

std::optional<Value> ValueReader::read_number(const FoundKey& found) {
    const Node& node = *found.value;
    const double number =
        node.is(NodeType::Integer) ? static_cast<double>(node.integer) : node.number;
    const bool is_number = node.is(NodeType::Integer) || node.is(NodeType::Number);
    if (!is_number || !std::isfinite(number) || number < static_cast<double>(found.key->low) ||
        number > static_cast<double>(found.key->high))
        return refuse(found, node, range_text(*found.key));
    return Value(number);
}

std::optional<Value> ValueReader::read_word(const FoundKey& found) {
    const Node& node = *found.value;
    std::vector<std::string> known = split_words(found.key->words);
    for (std::size_t i = 0; node.is(NodeType::String) && i < known.size(); ++i) {
        if (known[i] == node.text) return Value(WordIndex{i});
        if (known[i] == "-" + node.text) {
            reporter_.error(node.at, found.name + " = '" + node.text + "' is not supported yet");
            return std::nullopt;
        }
    }
    std::erase_if(known, [](const std::string& word) { return word.starts_with('-'); });
    return refuse(found, node, "use " + either(known));
}

std::optional<Value> ValueReader::read_duration(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::String) && !node.is(NodeType::Integer))
        return refuse(found, node, "it must be a duration, such as \"30s\"");
    const auto duration = parse_duration(text_of(node));
    if (!duration.value) return refuse(found, node, duration.problem);
    if (duration.value->ns < found.key->low)
        return refuse(found, node, "no time at all makes no sense here");
    return Value(*duration.value);
}

std::optional<Value> ValueReader::read_size(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::String) && !node.is(NodeType::Integer))
        return refuse(found, node, "it must be a size, such as \"512M\"");
    const auto size = parse_size(text_of(node));
    if (!size.value) return refuse(found, node, size.problem);
    if (*size.value == 0 && found.key->low > 0)
        return refuse(found, node, "nothing at all makes no sense here");
    return Value(SizeValue{*size.value});
}

std::optional<Value> ValueReader::read_signal(const FoundKey& found) {
    const Node& node = *found.value;
    Parsed<std::uint8_t> signal{{}, "use a signal's name, such as \"TERM\", or its number"};
    if (node.is(NodeType::Integer)) signal = check_signal(node.integer);
    if (node.is(NodeType::String)) signal = parse_signal(node.text);
    if (!signal.value) return refuse(found, node, signal.problem);
    return Value(SignalValue{*signal.value});
}

std::optional<Value> ValueReader::read_mode(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::String))
        return refuse(found, node, "a mode is octal digits in quotes, such as \"0750\"");
    const auto mode = parse_mode(node.text);
    if (!mode.value) return refuse(found, node, mode.problem);
    if (found.key->name == "umask" && *mode.value > 0777)
        return refuse(found, node, "a umask has no digit before the last three");
    return Value(ModeValue{*mode.value});
}

std::optional<Value> ValueReader::read_output(const FoundKey& found) {
    constexpr std::string_view kWayOut = "use log, console, null, inherit, file:PATH or unit:NAME";
    const Node& node = *found.value;
    const bool is_error = found.key->name == "error";
    const std::string way_out =
        is_error ? "use output, log, console, null, inherit, file:PATH or unit:NAME"
                 : std::string(kWayOut);
    if (!node.is(NodeType::String)) return refuse(found, node, way_out);
    const auto text = expanded(found, node);
    if (!text) return std::nullopt;
    if (*text == "log") return Value(OutputValue{OutputKind::Log, {}, false});
    if (*text == "console") return Value(OutputValue{OutputKind::Console, {}, false});
    if (*text == "null") return Value(OutputValue{OutputKind::Null, {}, false});
    if (*text == "inherit") return Value(OutputValue{OutputKind::Inherit, {}, false});
    if (*text == "output" && is_error) return Value(OutputValue{OutputKind::Log, {}, true});
    if (text->starts_with("unit:")) {
        std::string unit = text->substr(5);
        const std::string problem = unit_name_problem(unit);
        if (!problem.empty()) return refuse(found, node, "the unit's name " + problem);
        return Value(OutputValue{OutputKind::Unit, std::move(unit), false});
    }
    if (!text->starts_with("file:")) return refuse(found, node, way_out);
    std::string path = text->substr(5);
    const std::string problem = path_problem(path);
    if (!problem.empty()) return refuse(found, node, "the path " + problem);
    return Value(OutputValue{OutputKind::File, std::move(path), false});
}

std::optional<Value> ValueReader::read_id_range(const FoundKey& found) {
    constexpr std::string_view kWayOut =
        "use private, host or a range of ids, \"BASE:COUNT\", such as \"100000:65536\"";
    const Node& node = *found.value;
    if (!node.is(NodeType::String)) return refuse(found, node, kWayOut);
    if (node.text == "private") return Value(IdRangeValue{});
    if (node.text == "host") return Value(IdRangeValue{UsersKind::Host, 0, 0});
    const std::string_view text = node.text;
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return refuse(found, node, kWayOut);
    const auto first = parse_digits(text.substr(0, colon), UINT32_MAX - 1U);
    const auto count = parse_digits(text.substr(colon + 1), UINT32_MAX - 1U);
    if (!first || !count || *count == 0) return refuse(found, node, kWayOut);
    if (*first + *count > UINT32_MAX)
        return refuse(found, node, "the range goes beyond the last id, 4294967294");
    if (*first == 0) return refuse(found, node, "the host's ids from 0 on are \"host\"");
    return Value(IdRangeValue{UsersKind::Range, static_cast<std::uint32_t>(*first),
                              static_cast<std::uint32_t>(*count)});
}

} // namespace stead::unitfile
