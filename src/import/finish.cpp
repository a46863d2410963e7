#include <algorithm>
#include <array>

#include "import/command.h"
#include "import/rules.h"
#include "unitfile/values.h"

/// What single directives cannot decide: the commands together, the type, and what has to be
/// written because systemd's defaults are others.
namespace stead::importing {

namespace {

Node command_node(const std::vector<std::string>& arguments) {
    return unitfile::list_node(arguments);
}

/// A command read from one Exec line.
struct Read {
    Command command;
    std::size_t item = 0;
};

class Finisher {
public:
    explicit Finisher(Job& job)
        : job_(job)
        , draft_(job.draft)
        , facts_(job.facts) {}

    void finish() {
        directories();
        decide_type();
        main_command();
        hooks();
        reload();
        stop();
        hook("hooks.post-stop", commands_of("ExecStopPost"));
        user();
        defaults();
    }

private:
    [[nodiscard]] bool oneshot() const { return facts_.type == "oneshot"; }

    std::vector<Read> commands_of(std::string_view directive) {
        std::vector<Read> all;
        for (const CommandLine& line : facts_.commands) {
            if (line.directive != directive) continue;
            Commands read = read_commands(line.value, job_.names);
            if (!read.problem.empty()) draft_.leave_out(line.item, read.problem);
            for (Command& command : read.commands) {
                say(command, line.item);
                all.push_back({std::move(command), line.item});
            }
        }
        return all;
    }

    void say(const Command& command, std::size_t item) {
        if (!command.own_name.empty())
            draft_.approximate(item,
                               "argv[0] is the program's own name, not '" + command.own_name + "'");
        if (!command.note.empty()) draft_.approximate(item, command.note);
    }

    /// Environment files are read together with the unit file: their variables are known there.
    [[nodiscard]] bool is_open() const { return facts_.has_environment_files; }

    /// The variables whose values are known here: none once a file may change them.
    [[nodiscard]] std::map<std::string, std::string> known_variables() const {
        return facts_.has_environment_files ? std::map<std::string, std::string>{}
                                            : facts_.environment;
    }

    /// A command as arguments; by a shell where variables are known only when it runs.
    Node one(const Read& read, bool becomes_program) {
        const Command& command = read.command;
        const bool shielded = command.may_fail && !becomes_program;
        if (!shielded && !needs_shell(command)) {
            if (const auto arguments = as_arguments(command, known_variables(), is_open()))
                return command_node(*arguments);
            if (is_open()) return unitfile::text_node(as_text(command));
        }
        std::string script = splits_words(command) ? "set -f; " : "";
        if (!shielded) script += "exec ";
        script += as_script(command);
        if (shielded) script += " || :";
        if (!as_arguments(command, facts_.environment, true)) explain_shell(read);
        return command_node(shell(script));
    }

    void explain_shell(const Read& read) {
        if (splits_words(read.command)) {
            draft_.approximate(read.item, "a shell puts the variables in; quotes in their values "
                                          "do not hold words together");
        } else {
            draft_.explain(read.item, "a shell puts the variables in");
        }
    }

    void put_type(const char* type) {
        if (facts_.type_item) {
            draft_.put(*facts_.type_item, "type", unitfile::text_node(type));
        } else {
            draft_.supply("type", unitfile::text_node(type), "What systemd takes it for.");
        }
    }

    void decide_type() {
        std::string& type = facts_.type;
        const bool has_start = !commands_of("ExecStart").empty();
        if (type.empty())
            type = !facts_.bus_name.empty() ? "dbus" : has_start ? "simple" : "oneshot";
        if (type == "oneshot" || type == "forking" || type == "notify") {
            put_type(type.c_str());
        } else if (type == "notify-reload") {
            put_type("notify");
            if (draft_.find("reload.signal") == nullptr)
                draft_.supply("reload.signal", unitfile::text_node("HUP"), "Type=notify-reload");
            draft_.supply("reload.notify", unitfile::boolean_node(true), "Type=notify-reload");
        } else if (type == "dbus") {
            wait_for_bus();
        } else if (type == "idle" && facts_.type_item) {
            draft_.approximate(*facts_.type_item, "it starts without waiting for the others");
        } else if (type != "simple" && type != "exec" && facts_.type_item) {
            draft_.leave_out(*facts_.type_item, "there is no such type; exec is taken");
        }
        if (type != "forking") draft_.erase("ready.pid-file");
        if (!type.starts_with("notify") && draft_.find("watchdog.interval") == nullptr)
            draft_.erase("ready.access");
        if (draft_.find("tty.path") != nullptr) {
            draft_.erase("log.output");
            draft_.erase("log.error");
        }
    }

    /// Up means that the bus knows the name, as for systemd.
    void wait_for_bus() {
        if (!facts_.type_item) return;
        if (facts_.bus_name.empty())
            return draft_.approximate(*facts_.type_item, "up once it is started");
        draft_.approximate(*facts_.type_item,
                           "the bus is asked by dbus-send until it has the name");
        draft_.put(
            *facts_.type_item, "ready.exec",
            command_node({"dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus",
                          "/org/freedesktop/DBus", "org.freedesktop.DBus.GetNameOwner",
                          "string:" + facts_.bus_name}));
    }

    void main_command() {
        std::vector<Read> starts = commands_of("ExecStart");
        if (starts.empty()) {
            if (facts_.commands.empty()) return;
            return draft_.supply("command", command_node({"true"}), "Without ExecStart=.");
        }
        Read last = std::move(starts.back());
        starts.pop_back();
        earlier_starts_ = std::move(starts);
        if (last.command.may_fail && !oneshot())
            draft_.approximate(last.item, "an exit code other than 0 counts as a failure");
        if (last.command.privileged) {
            draft_.approximate(last.item, facts_.user.empty()
                                              ? "with the unit's own restrictions"
                                              : "as the unit's user, from the beginning");
        }
        draft_.put(last.item, "command", one(last, !oneshot()));
        for (const CommandLine& line : facts_.commands) {
            if (line.directive == "ExecStart" && line.item != last.item && !oneshot())
                draft_.approximate(line.item, "it runs before the last one, as a hook");
        }
    }

    /// True if the command cannot run with the rights it asks for.
    bool lacks_rights(const Read& read) {
        if (!read.command.privileged) return false;
        if (facts_.user.empty() || facts_.user == "root") {
            draft_.approximate(read.item, "with the unit's own restrictions");
            return false;
        }
        draft_.leave_out(read.item, "hooks run as the unit's user '" + facts_.user +
                                        "': do it in a oneshot that this unit requires");
        return true;
    }

    void hook(const char* key, const std::vector<Read>& commands) {
        for (const Read& read : commands) {
            if (lacks_rights(read)) continue;
            draft_.append(read.item, key, one(read, false));
            has_hooks_ = true;
        }
    }

    void hooks() {
        const std::vector<Read> conditions = commands_of("ExecCondition");
        for (const Read& read : conditions)
            draft_.approximate(read.item,
                               "a check that fails fails the start instead of skipping it");
        hook("hooks.pre-start", conditions);
        hook("hooks.pre-start", commands_of("ExecStartPre"));
        hook("hooks.pre-start", earlier_starts_);
        hook("hooks.post-start", commands_of("ExecStartPost"));
    }

    /// Several commands, one after the other until one fails, as one.
    void sequence(const char* key, const std::vector<Read>& commands) {
        if (commands.size() == 1) return draft_.put(commands[0].item, key, one(commands[0], false));
        std::string script;
        bool split = false;
        for (const Read& read : commands) {
            script += (script.empty() ? "" : " && ");
            script += read.command.may_fail ? "{ " + as_script(read.command) + " || :; }"
                                            : as_script(read.command);
            split = split || splits_words(read.command);
        }
        draft_.put(commands[0].item, key, command_node(shell((split ? "set -f; " : "") + script)));
        for (const Read& read : commands) {
            draft_.share(read.item, key);
            draft_.explain(read.item, "one shell runs all of them");
        }
    }

    void reload() {
        const std::vector<Read> commands = commands_of("ExecReload");
        if (commands.empty()) return;
        if (commands.size() == 1) {
            const std::string signal = signal_of_kill(commands[0].command);
            if (!signal.empty())
                return draft_.put(commands[0].item, "reload.signal", unitfile::text_node(signal));
        }
        draft_.erase("reload.signal");
        sequence("reload.command", commands);
    }

    /// Whatever ExecStop= does, systemd sends the signal behind it: that is what hooks before the
    /// stop are for, and not what a stop command is.
    void stop() {
        const std::vector<Read> commands = commands_of("ExecStop");
        if (commands.empty()) return;
        if (commands.size() == 1 && draft_.find("stop.signal") == nullptr) {
            const std::string signal = signal_of_kill(commands[0].command);
            if (!signal.empty())
                return draft_.put(commands[0].item, "stop.signal", unitfile::text_node(signal));
        }
        const bool ends_at_once = oneshot() && !facts_.remain_after_exit;
        for (const Read& read : commands) {
            if (ends_at_once) {
                draft_.approximate(read.item, "also after a start that failed");
            } else if (!oneshot()) {
                draft_.approximate(read.item, "not after an end that nobody asked for");
            }
        }
        hook(ends_at_once ? "hooks.post-stop" : "hooks.pre-stop", commands);
        has_stop_hooks_ = true;
    }

    void user() {
        if (!facts_.dynamic_user) return;
        const std::size_t item = *facts_.dynamic_user_item;
        if (facts_.user.empty()) {
            draft_.put(item, "user", unitfile::text_node("nobody"));
            draft_.approximate(item, "as nobody: give it a user of its own, for what it stores");
        } else {
            draft_.approximate(item, "the user '" + facts_.user + "' must exist");
        }
        // What DynamicUser= brings along.
        if (draft_.find("files.protect-system") == nullptr)
            draft_.put(item, "files.protect-system", unitfile::text_node("strict"));
        draft_.put(item, "files.private-tmp", unitfile::boolean_node(true));
        draft_.put(item, "no-new-privileges", unitfile::boolean_node(true));
    }

    /// systemd tells a program its folders.
    void directories() {
        struct Kind {
            const char* key;
            const char* folder;
            const char* variable;
        };

        constexpr std::array kKinds{Kind{"directories.state", "/var/lib/", "STATE_DIRECTORY"},
                                    Kind{"directories.runtime", "/run/", "RUNTIME_DIRECTORY"},
                                    Kind{"directories.cache", "/var/cache/", "CACHE_DIRECTORY"},
                                    Kind{"directories.logs", "/var/log/", "LOGS_DIRECTORY"}};
        for (const Kind& kind : kKinds) {
            const Node* const list = draft_.find(kind.key);
            if (list == nullptr) continue;
            supply("directories.mode", unitfile::text_node("0755"), "systemd's default.");
            std::string paths;
            for (const Node& item : list->items)
                paths += (paths.empty() ? "" : ":") + std::string(kind.folder) + item.text;
            const std::vector<std::size_t> items = draft_.items_naming(kind.key, "");
            facts_.environment[kind.variable] = paths;
            draft_.member(items.front(), "environment", kind.variable, unitfile::text_node(paths));
        }
    }

    /// One time counts for all hooks: the longest that one of them may need.
    void hook_timeout() {
        const auto time_of = [this](const char* key) {
            const Node* const known = draft_.find(key);
            return known == nullptr ? std::string("90s") : known->text;
        };
        std::string longest = time_of("ready.timeout");
        if (has_stop_hooks_) {
            const std::string stop = time_of("stop.timeout");
            const auto a = unitfile::parse_duration(longest).value;
            const auto b = unitfile::parse_duration(stop).value;
            if (a && b && a->ns < b->ns) longest = stop;
        }
        draft_.supply("hooks.timeout", unitfile::text_node(longest),
                      has_stop_hooks_ ? "systemd times hooks as it times the start and the stop."
                                      : "systemd times hooks as it times the start.");
    }

    void supply(const char* key, Node value, const char* reason) {
        if (draft_.find(key) == nullptr) draft_.supply(key, std::move(value), reason);
    }

    void defaults() {
        using namespace unitfile;
        if (oneshot() || !job_.options.own_restart)
            supply("restart.policy", text_node("no"), "systemd's default.");
        if (facts_.wants_restart) {
            supply("restart.delay", text_node("100ms"), "systemd's default.");
            supply("restart.factor", number_node(1.0), "systemd's default.");
            supply("restart.jitter", number_node(0.0), "systemd's default.");
            supply("restart.burst", integer_node(5), "systemd's default.");
            const Node* const burst = draft_.find("restart.burst");
            if (burst->is(NodeType::Integer))
                supply("restart.interval", text_node("10s"), "systemd's default.");
        }
        if (draft_.find("stop.schedule") == nullptr)
            supply("stop.timeout", text_node("90s"), "systemd's default.");
        if (oneshot()) {
            supply("remain-after-exit", boolean_node(false), "systemd's default.");
            supply("ready.timeout", text_node("infinity"), "systemd's default for Type=oneshot.");
        } else if (draft_.find("remain-after-exit") != nullptr) {
            for (const std::size_t item : draft_.items_naming("remain-after-exit", ""))
                draft_.leave_out(item, "only a oneshot stays up after its end");
            draft_.erase("remain-after-exit");
        }
        if (has_hooks_) hook_timeout();
        if (facts_.filters_calls && !facts_.names_call_error)
            supply("system-call-error", text_node("kill"), "systemd's default.");
    }

    Job& job_;
    Draft& draft_;
    Facts& facts_;
    std::vector<Read> earlier_starts_;
    bool has_hooks_ = false;
    bool has_stop_hooks_ = false;
};

} // namespace

void finish_order(Job& job) {
    Draft& draft = job.draft;
    const auto has = [&](std::string_view key, const std::string& name) {
        const Node* const list = draft.find(key);
        if (list == nullptr) return false;
        return std::any_of(list->items.begin(), list->items.end(),
                           [&](const Node& item) { return item.text == name; });
    };
    for (const char* key : {"requires", "binds-to", "wants"}) {
        const Node* const list = draft.find(key);
        if (list == nullptr) continue;
        const std::vector<Node> names = list->items;
        for (const Node& name : names) {
            if (has("before", name.text)) {
                for (const std::size_t item : draft.remove(key, name.text))
                    draft.approximate(item, "'" + name.text +
                                                "' starts after this one and is not pulled in");
            } else if (std::string_view(key) == "binds-to" && !has("after", name.text)) {
                // Bound without an order, and often the other one waits for this one.
                for (const std::size_t item : draft.remove(key, name.text)) {
                    draft.append(item, "part-of", unitfile::text_node(name.text));
                    draft.approximate(item,
                                      "it stops with '" + name.text + "', and does not pull it in");
                }
            } else if (!has("after", name.text)) {
                for (const std::size_t item : draft.items_naming(key, name.text))
                    draft.approximate(item, "it also waits for '" + name.text + "'");
            }
        }
    }
}

void finish_service(Job& job) {
    Finisher(job).finish();
}

} // namespace stead::importing
