#include <algorithm>
#include <utility>

#include "unitfile/names.h"
#include "unitfile/value.h"
#include "unitfile/values.h"

/// The values with parts: commands, schedules, sets of exits, variables, binds.
namespace stead::unitfile {

namespace {

/// A hook runs few commands; the plan counts them in a byte.
constexpr std::size_t kMaxHookCommands = 16;
/// The kernel's limit of one argument or variable (MAX_ARG_STRLEN), its NUL left out.
constexpr std::size_t kMaxArgument = 131'071;

/// The rule a program's name breaks, if any.
std::string program_problem(const std::string& program) {
    if (program.empty()) return "the program's name is empty";
    if (program.find('/') == std::string::npos) return {};
    const std::string problem = path_problem(program);
    if (problem.empty()) return {};
    if (program.front() != '/')
        return "the program '" + program +
               "' is a relative path; write an absolute one, or a name to be found in PATH";
    return "the program's path " + problem;
}

} // namespace

std::optional<Argv> ValueReader::argument_list(const FoundKey& found, const Node& node) {
    Argv argv;
    for (const Node& item : node.items) {
        if (!item.is(NodeType::String)) {
            reporter_.error(item.at, "an argument of " + found.name + " is " + shown(item) +
                                         "; arguments are strings, so write it in quotes");
            return std::nullopt;
        }
        auto argument = expanded(found, item);
        if (!argument) return std::nullopt;
        argv.push_back(std::move(*argument));
    }
    return argv;
}

std::optional<Argv>
ValueReader::expanded_words(const FoundKey& found, const Node& node, const SplitCommand& split) {
    Argv argv;
    const auto complain = [&](const std::string& message) {
        reporter_.error(node.at, found.name + ": " + message);
        return std::nullopt;
    };
    for (std::size_t i = 0; i < split.argv.size(); ++i) {
        const std::string& argument = split.argv[i];
        const bool whole =
            std::find(split.splices.begin(), split.splices.end(), i) == split.splices.end();
        ExpandedText text = expand(whole ? argument : "${" + argument + "}", scope_);
        if (text.problem) return complain(text.problem->message);
        if (whole) {
            argv.push_back(std::move(text.text));
            continue;
        }
        // The words of the variable, split like a command but expanded no further.
        SplitCommand words = split_command(text.text);
        if (words.problem || !words.splices.empty())
            return complain("$" + argument + " holds what only a shell could split: '" + text.text +
                            "'");
        argv.insert(argv.end(), words.argv.begin(), words.argv.end());
    }
    return argv;
}

std::optional<Argv> ValueReader::command(const FoundKey& found, const Node& node) {
    std::optional<Argv> argv;
    if (node.is(NodeType::List)) {
        argv = argument_list(found, node);
        if (!argv || argv->empty()) return argv;
    } else if (node.is(NodeType::String)) {
        SplitCommand split = split_command(node.text);
        if (split.problem) {
            reporter_.error(reporter_.inside(node, split.problem->offset),
                            found.name + ": " + split.problem->message);
            return std::nullopt;
        }
        argv = expanded_words(found, node, split);
        if (!argv) return std::nullopt;
        if (argv->empty()) return refuse(found, node, "name a program");
    } else {
        return refuse(found, node, "use a string, or a list of the program and its arguments");
    }
    const std::string problem = program_problem(argv->front());
    if (!problem.empty()) {
        reporter_.error(node.at, found.name + ": " + problem);
        return std::nullopt;
    }
    for (const std::string& argument : *argv) {
        if (argument.size() <= kMaxArgument) continue;
        reporter_.error(node.at, found.name + " has an argument longer than 131071 bytes");
        return std::nullopt;
    }
    return argv;
}

std::optional<Value> ValueReader::read_commands(const FoundKey& found) {
    const Node& node = *found.value;
    if (found.key->type == KeyType::Command) {
        auto argv = command(found, node);
        if (!argv) return std::nullopt;
        return Value(std::move(*argv));
    }
    std::vector<Argv> commands;
    const bool many = node.is(NodeType::List) &&
                      std::any_of(node.items.begin(), node.items.end(),
                                  [](const Node& item) { return item.is(NodeType::List); });
    if (!many) {
        auto argv = command(found, node);
        if (!argv) return std::nullopt;
        if (!argv->empty()) commands.push_back(std::move(*argv));
        return Value(std::move(commands));
    }
    if (node.items.size() > kMaxHookCommands) {
        reporter_.error(node.at, found.name + " has " + std::to_string(node.items.size()) +
                                     " commands; at most 16 are run, so put them into a script");
        return std::nullopt;
    }
    bool good = true;
    for (const Node& item : node.items) {
        auto argv = command(found, item);
        if (argv && argv->empty()) {
            reporter_.error(item.at, found.name + " has an empty command; name a program");
            argv.reset();
        }
        good = good && argv.has_value();
        if (argv) commands.push_back(std::move(*argv));
    }
    if (!good) return std::nullopt;
    return Value(std::move(commands));
}

bool ValueReader::add_exit(ExitSet& set, const FoundKey& found, const Node& node) {
    if (node.is(NodeType::Integer)) {
        if (node.integer < 0 || node.integer > 255) {
            reporter_.error(node.at, found.name + " has " + shown(node) +
                                         "; exit codes are 0 to 255, signals are given by name");
            return false;
        }
        set.add_code(static_cast<std::uint8_t>(node.integer));
        return true;
    }
    if (node.is(NodeType::String) && node.text == "...") {
        const ExitSet initial =
            found.key->name == "success-exit" ? default_success_exit() : ExitSet{};
        for (std::size_t i = 0; i < set.codes.size(); ++i)
            set.codes[i] |= initial.codes[i];
        set.signals |= initial.signals;
        return true;
    }
    Parsed<std::uint8_t> signal{{}, "use exit codes and names of signals"};
    if (node.is(NodeType::String)) signal = parse_signal(node.text);
    if (signal.value && *signal.value == 64) {
        signal = {{}, "RTMAX cannot be told apart here"};
    }
    if (!signal.value) {
        reporter_.error(node.at, found.name + " has " + shown(node) + "; " + signal.problem);
        return false;
    }
    set.add_signal(*signal.value);
    return true;
}

std::optional<Value> ValueReader::read_exit_codes(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::List))
        return refuse(found, node, "it must be a list of exit codes and signals: [0, \"TERM\"]");
    ExitSet set;
    bool good = true;
    for (const Node& item : node.items)
        good = add_exit(set, found, item) && good;
    if (!good) return std::nullopt;
    return Value(set);
}

std::optional<StopStep> ValueReader::step(const FoundKey& found, const Node& node, bool is_last) {
    const auto complain = [&](std::string_view way_out) {
        reporter_.error(node.at, found.name + " has " + shown(node) + "; " + std::string(way_out));
        return std::nullopt;
    };
    constexpr std::string_view kForm = "write a signal and a time: \"TERM 10s\"";
    if (!node.is(NodeType::String)) return complain(kForm);
    const std::string_view text = node.text;
    const auto blank = text.find(' ');
    const auto signal = parse_signal(text.substr(0, blank));
    if (!signal.value) return complain(signal.problem);
    StopStep step;
    step.signal = *signal.value;
    if (step.signal == 9 && !is_last) return complain("nothing is left to do after KILL");
    if (blank == std::string_view::npos) {
        if (step.signal != 9) return complain(kForm);
        return step;
    }
    const auto wait = parse_duration(text.substr(blank + 1));
    if (!wait.value) return complain(wait.problem);
    step.wait_ms =
        wait.value->is_infinite() ? kForever : static_cast<std::uint32_t>(wait.value->ms());
    return step;
}

std::optional<Value> ValueReader::read_schedule(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::List))
        return refuse(found, node, "it must be a list: [\"TERM 10s\", \"KILL\"]");
    if (node.items.size() > kMaxStopSteps) {
        reporter_.error(node.at, found.name + " has " + std::to_string(node.items.size()) +
                                     " steps; at most " + std::to_string(kMaxStopSteps) +
                                     " are possible");
        return std::nullopt;
    }
    std::vector<StopStep> steps;
    for (const Node& item : node.items) {
        const auto next = step(found, item, &item == &node.items.back());
        if (next) steps.push_back(*next);
    }
    if (steps.size() != node.items.size()) return std::nullopt;
    return Value(std::move(steps));
}

std::optional<Value> ValueReader::read_environment(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::Table))
        return refuse(found, node, "it must be a table: { NAME = \"value\" }");
    std::map<std::string, std::string> variables;
    bool good = true;
    const auto complain = [&](Position at, std::string message) {
        reporter_.error(at, std::move(message));
        good = false;
    };
    for (const Member& member : node.members) {
        if (!is_variable_name(member.key)) {
            complain(member.at, found.name + " has '" + member.key +
                                    "'; variable names have letters, digits and _ only");
            continue;
        }
        if (!member.value.is(NodeType::String)) {
            complain(member.value.at, found.name + "." + member.key + " is " + shown(member.value) +
                                          "; variables are strings, so write it in quotes");
            continue;
        }
        auto value = expanded(found, member.value);
        if (value && member.key.size() + value->size() + 1 > kMaxArgument) {
            complain(member.value.at,
                     found.name + "." + member.key + " is longer than 131071 bytes");
            continue;
        }
        good = good && value.has_value();
        if (value) variables[member.key] = std::move(*value);
    }
    if (!good) return std::nullopt;
    return Value(std::move(variables));
}

std::optional<BindSpec> ValueReader::bind(const Node& node) {
    constexpr std::string_view kForm = "write \"FROM:TO\" or \"FROM:TO:OPTIONS\"";
    const auto complain = [&](const std::string& way_out) {
        reporter_.error(node.at, "bind has " + shown(node) + "; " + way_out);
        return std::nullopt;
    };
    if (!node.is(NodeType::String)) return complain(std::string(kForm));
    std::string_view text = node.text;
    BindSpec bind;
    bind.place = reporter_.at(node.at);
    const auto first = text.find(':');
    if (first == std::string_view::npos) return complain(std::string(kForm));
    const auto second = text.find(':', first + 1);
    bind.from = std::string(text.substr(0, first));
    bind.to = std::string(text.substr(first + 1, second - first - 1));
    std::string problem = path_problem(bind.from);
    if (!problem.empty()) return complain("FROM " + problem);
    problem = path_problem(bind.to);
    if (!problem.empty()) return complain("TO " + problem);
    if (bind.to.find_first_not_of('/') == std::string::npos)
        return complain("TO is the root itself; use root = \"" + bind.from + "\"");
    if (second == std::string_view::npos) return bind;

    std::string_view options = text.substr(second + 1);
    while (true) {
        const auto comma = options.find(',');
        const std::string_view option = options.substr(0, comma);
        const bool plain = !option.starts_with("no");
        const std::string_view name = plain ? option : option.substr(2);
        if (option == "ro" || option == "rw") {
            bind.read_only = option == "ro";
        } else if (name == "suid") {
            bind.nosuid = !plain;
        } else if (name == "dev") {
            bind.nodev = !plain;
        } else if (name == "exec") {
            bind.noexec = !plain;
        } else if (option == "idmap") {
            bind.idmap = true;
        } else {
            return complain("options are ro, rw, nosuid, suid, nodev, dev, noexec, exec and idmap");
        }
        if (comma == std::string_view::npos) return bind;
        options.remove_prefix(comma + 1);
    }
}

std::optional<Value> ValueReader::read_binds(const FoundKey& found) {
    const Node& node = *found.value;
    if (!node.is(NodeType::List)) return refuse(found, node, "it must be a list: [\"FROM:TO\"]");
    std::vector<BindSpec> binds;
    bool good = true;
    for (const Node& item : node.items) {
        auto next = bind(item);
        good = good && next.has_value();
        if (!next) continue;
        for (const BindSpec& other : binds) {
            if (other.to != next->to) continue;
            reporter_.error(item.at, "bind puts two things at " + next->to);
            good = false;
        }
        binds.push_back(std::move(*next));
    }
    if (!good) return std::nullopt;
    return Value(std::move(binds));
}

} // namespace stead::unitfile
