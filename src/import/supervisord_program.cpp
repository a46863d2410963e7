#include <algorithm>
#include <array>
#include <map>

#include "import/amounts.h"
#include "import/specifiers.h"
#include "import/supervisord.h"
#include "import/systemd_text.h"
#include "unitfile/command_line.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// One program of supervisord's: its settings and their keys.
namespace stead::importing {

namespace {

using unitfile::boolean_node;
using unitfile::integer_node;
using unitfile::list_node;
using unitfile::text_node;

constexpr std::string_view kVariable = "\x01*\x02";

struct ProgramRule {
    std::string_view name;
    enum class Does { Handled, Nothing, Differs, Lost } does;
    std::string_view note = {};
};

using enum ProgramRule::Does;

constexpr std::string_view kEvents = "there is no event protocol";
constexpr std::string_view kOneLog = "both streams go to the unit's log, each line marked";

constexpr std::array kProgramRules{
    ProgramRule{"command", Handled},
    ProgramRule{"process_name", Handled},
    ProgramRule{"numprocs", Handled},
    ProgramRule{"numprocs_start", Handled},
    ProgramRule{"priority", Handled},
    ProgramRule{"autostart", Handled},
    ProgramRule{"autorestart", Handled},
    ProgramRule{"startsecs", Handled},
    ProgramRule{"startretries", Handled},
    ProgramRule{"exitcodes", Handled},
    ProgramRule{"stopsignal", Handled},
    ProgramRule{"stopwaitsecs", Handled},
    ProgramRule{"stopasgroup", Handled},
    ProgramRule{"killasgroup", Handled},
    ProgramRule{"user", Handled},
    ProgramRule{"directory", Handled},
    ProgramRule{"umask", Handled},
    ProgramRule{"environment", Handled},
    ProgramRule{"redirect_stderr", Handled},
    ProgramRule{"stdout_logfile", Handled},
    ProgramRule{"stderr_logfile", Handled},
    ProgramRule{"stdout_logfile_maxbytes", Handled},
    ProgramRule{"stdout_logfile_backups", Handled},
    ProgramRule{"stderr_logfile_maxbytes", Differs, kOneLog},
    ProgramRule{"stderr_logfile_backups", Differs, kOneLog},
    ProgramRule{"stdout_capture_maxbytes", Lost, kEvents},
    ProgramRule{"stderr_capture_maxbytes", Lost, kEvents},
    ProgramRule{"stdout_events_enabled", Lost, kEvents},
    ProgramRule{"stderr_events_enabled", Lost, kEvents},
    ProgramRule{"stdout_syslog", Differs, "lines go to the unit's log"},
    ProgramRule{"stderr_syslog", Differs, "lines go to the unit's log"},
    ProgramRule{"serverurl", Lost, "programs do not talk to supervisord's server"},
    ProgramRule{"loglevel", Lost, "supervisord's own log is the guest's"},
};

const ProgramRule* find_rule(std::string_view name) {
    for (const ProgramRule& rule : kProgramRules)
        if (rule.name == name) return &rule;
    return nullptr;
}

/// Takes one program's settings, each in a function of its own.
class ProgramMaker {
public:
    ProgramMaker(Program& program, const std::map<std::string, std::string>& defaults)
        : program_(program)
        , draft_(*program.draft)
        , defaults_(defaults) {}

    void make() {
        for (const Setting& setting : program_.section->settings)
            take_down(setting);
        apply("environment", [&](const Setting& s, std::size_t i) { environment(s, i); });
        apply("command", [&](const Setting& s, std::size_t i) { command(s, i); });
        apply("process_name", [&](const Setting& s, std::size_t i) { process_name(s, i); });
        apply("numprocs", [&](const Setting&, std::size_t i) { instances(i); });
        apply("priority", [&](const Setting&, std::size_t i) {
            draft_.approximate(i, "programs with a lower number start before, as `after`");
        });
        apply("autostart", [&](const Setting& s, std::size_t i) { autostart(s, i); });
        apply("autorestart", [&](const Setting& s, std::size_t i) { autorestart(s, i); });
        apply("startsecs", [&](const Setting& s, std::size_t i) { startsecs(s, i); });
        apply("startretries", [&](const Setting& s, std::size_t i) { startretries(s, i); });
        apply("exitcodes", [&](const Setting& s, std::size_t i) { exitcodes(s, i); });
        apply("stopsignal", [&](const Setting& s, std::size_t i) { stopsignal(s, i); });
        apply("stopwaitsecs",
              [&](const Setting& s, std::size_t i) { seconds(s, i, "stop.timeout"); });
        apply("stopasgroup",
              [&](const Setting& s, std::size_t i) { stop_group(s, i, "control-group"); });
        apply("killasgroup", [&](const Setting& s, std::size_t i) { stop_group(s, i, "mixed"); });
        apply("user", [&](const Setting& s, std::size_t i) { put(s, i, "user"); });
        apply("directory",
              [&](const Setting& s, std::size_t i) { put(s, i, "working-directory"); });
        apply("umask", [&](const Setting& s, std::size_t i) { umask(s, i); });
        apply("stdout_logfile",
              [&](const Setting& s, std::size_t i) { log_file(s, i, "log.output"); });
        apply("redirect_stderr", [&](const Setting& s, std::size_t i) { redirect(s, i); });
        apply("stderr_logfile",
              [&](const Setting& s, std::size_t i) { log_file(s, i, "log.error"); });
        apply("stdout_logfile_maxbytes", [&](const Setting& s, std::size_t i) { log_size(s, i); });
        apply("stdout_logfile_backups", [&](const Setting& s, std::size_t i) { log_keep(s, i); });
        defaults();
    }

private:
    template <typename Function>
    void apply(std::string_view name, Function function) {
        // Of two lines of one name the last counts.
        const Setting* last = nullptr;
        for (const Setting& setting : program_.section->settings)
            if (setting.name == name && setting.problem.empty()) last = &setting;
        if (last != nullptr) function(*last, items_.at(last));
    }

    void take_down(const Setting& setting) {
        Item item{setting.origin,
                  program_.section->name,
                  setting.name,
                  setting.value,
                  Mapping::Exact,
                  {},
                  {}};
        const std::size_t number = draft_.add(std::move(item));
        items_[&setting] = number;
        const ProgramRule* const rule = find_rule(setting.name);
        if (!setting.problem.empty()) {
            draft_.leave_out(number, "not understood: " + setting.problem);
        } else if (rule == nullptr) {
            draft_.leave_out(number, "supervisord has no such option that is known here");
        } else if (rule->does == Differs) {
            draft_.approximate(number, rule->note);
        } else if (rule->does == Lost && parse_boolean(setting.value) != false &&
                   setting.value != "0") {
            draft_.leave_out(number, rule->note);
        }
    }

    /// The value for a key that cannot hold a variable.
    std::optional<std::string> plain(std::string_view value, std::size_t item, bool expandable) {
        const ExpandedSetting expanded = expand_setting(value, program_.known, kVariable);
        std::string text = expanded.text;
        std::string problem = expanded.problem;
        if (problem.empty() && !expanded.variables.empty())
            problem = "%(ENV_" + expanded.variables.front() +
                      ")s is known to the running supervisord alone";
        if (problem.empty() && !number_fits(expanded))
            problem = "process_num has another format elsewhere";
        if (problem.empty() && !expandable && !make_plain(text))
            problem = "this cannot depend on the process's number";
        if (problem.empty()) return expandable ? protect_variables(text) : text;
        draft_.leave_out(item, problem);
        return std::nullopt;
    }

    [[nodiscard]] bool number_fits(const ExpandedSetting& expanded) const {
        return expanded.number_format.empty() ||
               (expanded.number_format == program_.number_format && program_.name.ends_with('@')) ||
               program_.count == 1;
    }

    void put(const Setting& setting, std::size_t item, const char* key) {
        const bool expandable = std::string_view(key) == "working-directory";
        if (const auto text = plain(setting.value, item, expandable))
            draft_.put(item, key, text_node(*text));
    }

    void environment(const Setting& setting, std::size_t item) {
        const auto pairs = split_pairs(setting.value);
        if (!pairs)
            return draft_.leave_out(item, "not understood: it is no list of NAME=\"value\"");
        for (const auto& [name, value] : *pairs) {
            const ExpandedSetting expanded = expand_setting(value, program_.known, kVariable);
            if (!expanded.problem.empty() || !expanded.variables.empty() ||
                !number_fits(expanded)) {
                draft_.approximate(item, "without " + name +
                                             ": its value is known to the running "
                                             "supervisord alone");
            } else {
                draft_.member(item, "environment", name, text_node(expanded.text));
            }
        }
    }

    /// Variables that only the start knows are put in by a shell.
    void command(const Setting& setting, std::size_t item) {
        const ExpandedSetting expanded = expand_setting(setting.value, program_.known, kVariable);
        if (!expanded.problem.empty()) return draft_.leave_out(item, expanded.problem);
        if (!number_fits(expanded))
            return draft_.leave_out(item, "process_num has another format elsewhere");
        const auto words = split_shell_words(expanded.text);
        if (!words || words->empty())
            return draft_.leave_out(item, "not understood: it is no command");
        std::vector<std::string> arguments;
        std::string script = "exec";
        for (const std::string& word : *words) {
            arguments.push_back(protect_variables(word));
            script += " " + with_variables(word);
        }
        if (expanded.variables.empty()) return draft_.put(item, "command", list_node(arguments));
        for (const std::string& name : expanded.variables)
            draft_.append(item, "environment-inherit", text_node(name), "...");
        draft_.approximate(item, "a shell puts in the variables that PID 1 has");
        draft_.put(item, "command", list_node({"/bin/sh", "-c", protect_variables(script)}));
    }

    /// A word for a shell, its marked variables as "$NAME".
    static std::string with_variables(std::string_view word) {
        std::string out;
        while (true) {
            const auto begin = word.find('\x01');
            const std::string_view text = word.substr(0, begin);
            if (!text.empty() || (out.empty() && begin == std::string_view::npos))
                out += shell_quoted(text);
            if (begin == std::string_view::npos) return out;
            const auto end = word.find('\x02', begin);
            out += "\"$" + std::string(word.substr(begin + 1, end - begin - 1)) + "\"";
            word.remove_prefix(end + 1);
        }
    }

    void process_name(const Setting& setting, std::size_t item) {
        if (setting.value == "%(program_name)s" || program_.name.ends_with('@')) return;
        draft_.approximate(item, "the unit is called '" + program_.name + "'");
    }

    void instances(std::size_t item) {
        if (program_.count == 1) return;
        for (std::int64_t i = 0; i < program_.count; ++i) {
            std::string number = std::to_string(program_.first + i);
            const auto width =
                unitfile::parse_digits(std::string_view(program_.number_format)
                                           .substr(1, program_.number_format.size() - 2),
                                       9);
            while (width && number.size() < *width)
                number.insert(number.begin(), '0');
            draft_.append(item, "instances", text_node(number));
        }
    }

    void autostart(const Setting& setting, std::size_t item) {
        const auto value = parse_boolean(setting.value);
        if (!value) return draft_.leave_out(item, "not understood: it is neither true nor false");
        if (!*value) draft_.put(item, "enabled", boolean_node(false));
    }

    void autorestart(const Setting& setting, std::size_t item) {
        const auto value = parse_boolean(setting.value);
        if (!value && setting.value != "unexpected")
            return draft_.leave_out(item, "not understood: it is true, false or unexpected");
        draft_.put(item, "restart.policy",
                   text_node(!value   ? "on-failure"
                             : *value ? "always"
                                      : "no"));
    }

    void startsecs(const Setting& setting, std::size_t item) {
        if (setting.value == "0") return;
        seconds(setting, item, "restart.reset-after");
        draft_.approximate(item,
                           "it counts as up at once; a later end begins anew to count restarts");
    }

    void startretries(const Setting& setting, std::size_t item) {
        const auto count = unitfile::parse_digits(setting.value, 1'000'000);
        if (!count) return draft_.leave_out(item, "not understood: it is no number");
        if (*count == 0) return draft_.leave_out(item, "a unit is started again at least once");
        draft_.put(item, "restart.burst", integer_node(static_cast<std::int64_t>(*count)));
        draft_.approximate(item, "restarts are counted within restart.interval");
    }

    void exitcodes(const Setting& setting, std::size_t item) {
        std::string list = setting.value;
        std::replace(list.begin(), list.end(), ',', ' ');
        std::vector<std::string> words = split_blanks(list);
        for (const std::string& word : words) {
            const auto code = unitfile::parse_digits(word, 255);
            if (!code) return draft_.leave_out(item, "not understood: it is no list of exit codes");
            draft_.append(item, "success-exit", integer_node(static_cast<std::int64_t>(*code)));
        }
    }

    void stopsignal(const Setting& setting, std::size_t item) {
        const std::string word = signal_word(setting.value);
        if (word.empty()) return draft_.leave_out(item, "not understood: there is no such signal");
        draft_.put(item, "stop.signal", text_node(word));
    }

    void seconds(const Setting& setting, std::size_t item, const char* key) {
        const auto count = unitfile::parse_digits(setting.value, 4'000'000);
        if (!count) return draft_.leave_out(item, "not understood: it is no number of seconds");
        draft_.put(item, key, text_node(std::to_string(*count) + "s"));
    }

    void stop_group(const Setting& setting, std::size_t item, const char* mode) {
        const auto value = parse_boolean(setting.value);
        if (!value) return draft_.leave_out(item, "not understood: it is neither true nor false");
        if (*value && draft_.find("stop.kill-mode") == nullptr)
            draft_.put(item, "stop.kill-mode", text_node(mode));
    }

    void umask(const Setting& setting, std::size_t item) {
        std::string digits = setting.value;
        while (digits.size() < 4)
            digits.insert(digits.begin(), '0');
        if (!unitfile::parse_mode(digits).value)
            return draft_.leave_out(item, "not understood: it is no mode");
        draft_.put(item, "umask", text_node(digits));
    }

    void log_file(const Setting& setting, std::size_t item, const char* key) {
        const std::string& value = setting.value;
        if (value == "AUTO" || value.empty()) return;
        if (value == "NONE") return draft_.put(item, key, text_node("null"));
        if (value == "syslog") return draft_.approximate(item, "lines go to the unit's log");
        if (value == "/dev/stdout" || value == "/dev/stderr" || value.starts_with("/dev/fd/") ||
            value == "/dev/console") {
            draft_.put(item, key, text_node("console"));
            return;
        }
        const auto text = plain(value, item, true);
        if (!text) return;
        if (!text->starts_with('/')) return draft_.leave_out(item, "the file has no absolute path");
        draft_.put(item, key, text_node("file:" + *text));
    }

    void redirect(const Setting& setting, std::size_t item) {
        if (parse_boolean(setting.value) == true)
            draft_.put(item, "log.error", text_node("output"));
    }

    [[nodiscard]] bool has_own_log() const { return draft_.find("log.output") == nullptr; }

    void log_size(const Setting& setting, std::size_t item) {
        std::string value = setting.value;
        if (value.ends_with("B") && value.size() > 1 &&
            !(value[value.size() - 2] >= '0' && value[value.size() - 2] <= '9'))
            value.pop_back();
        const Amount amount = byte_size(value);
        if (!amount.text) return draft_.leave_out(item, "not understood: " + amount.problem);
        if (amount.is_zero) return draft_.leave_out(item, "a log always has a bound");
        if (!has_own_log()) return draft_.leave_out(item, "only the unit's own log is put aside");
        draft_.put(item, "log.size", text_node(*amount.text));
    }

    void log_keep(const Setting& setting, std::size_t item) {
        const auto count = unitfile::parse_digits(setting.value, 1'000'000);
        if (!count) return draft_.leave_out(item, "not understood: it is no number");
        constexpr std::uint64_t kMost = 99;
        if (*count > kMost) draft_.approximate(item, "at most 99 are kept");
        if (!has_own_log()) return draft_.leave_out(item, "only the unit's own log is put aside");
        draft_.put(item, "log.keep",
                   integer_node(static_cast<std::int64_t>(std::min<std::uint64_t>(*count, kMost))));
    }

    void supply(const char* key, Node value) {
        if (draft_.find(key) == nullptr)
            draft_.supply(key, std::move(value), "supervisord's default.");
    }

    void defaults() {
        for (const auto& [key, value] : defaults_)
            if (draft_.find(key) == nullptr)
                draft_.supply(key, text_node(value), "From [supervisord].");
        supply("restart.policy", text_node("on-failure"));
        // A signal is never expected; without codes of its own, 0 alone is.
        Node zero = list_node({});
        zero.items.push_back(integer_node(0));
        if (draft_.find("restart.policy")->text == "on-failure") supply("success-exit", zero);
        supply("restart.delay", text_node("1s"));
        supply("restart.burst", integer_node(3));
        supply("restart.interval", text_node("1m"));
        supply("stop.kill-mode", text_node("mixed"));
    }

    Program& program_;
    Draft& draft_;
    const std::map<std::string, std::string>& defaults_;
    std::map<const Setting*, std::size_t> items_;
};

} // namespace

void make_program(Program& program, const std::map<std::string, std::string>& defaults) {
    ProgramMaker(program, defaults).make();
}

} // namespace stead::importing
