#include <array>

#include "import/amounts.h"
#include "import/rules.h"
#include "unitfile/values.h"

/// What stands in [Service] alone: kinds, restarts, timeouts.
namespace stead::importing {

namespace {

void type(Job& job, const Line& line) {
    job.facts.type = line.value;
    job.facts.type_item = line.item;
}

void command(Job& job, const Line& line) {
    if (!line.value.empty())
        job.facts.commands.push_back({std::string(line.name), line.item, std::string(line.value)});
}

void bus_name(Job& job, const Line& line) {
    const auto text = job.text(line);
    if (text) job.facts.bus_name = *text;
}

void pid_file(Job& job, const Line& line) {
    auto text = job.text(line);
    if (!text || text->empty()) return;
    if (!text->starts_with('/')) text->insert(0, "/run/");
    // /var/run is a link to /run wherever systemd is.
    if (text->starts_with("/var/run/")) text->erase(0, 4);
    job.facts.pid_file = *text;
    job.draft.put(line.item, line.key, unitfile::text_node(*text));
}

void restart(Job& job, const Line& line) {
    std::string policy(line.value);
    if (policy == "on-abort") {
        policy = "on-abnormal";
        job.draft.approximate(line.item, "on-abnormal: also after a timeout");
    }
    constexpr std::array<std::string_view, 6> kPolicies{"no",          "on-success",  "on-failure",
                                                        "on-abnormal", "on-watchdog", "always"};
    for (const std::string_view known : kPolicies) {
        if (policy != known) continue;
        job.facts.wants_restart = policy != "no";
        return job.draft.put(line.item, line.key, unitfile::text_node(policy));
    }
    job.refuse(line, "there is no such policy");
}

void restart_max_delay(Job& job, const Line& line) {
    put_duration(job, line);
    job.draft.approximate(line.item, "delays grow by a factor, not by a number of steps");
    job.draft.supply("restart.factor", unitfile::number_node(2.0),
                     "RestartMaxDelaySec= asks for growth.");
}

void restart_steps(Job& job, const Line& line) {
    const auto steps = unitfile::parse_digits(line.value, 1000);
    if (!steps) return job.refuse(line, "it is no number");
    if (*steps == 0) return;
    job.draft.approximate(line.item, "delays grow by the factor 2, not by a number of steps");
}

/// 0 means for ever in systemd's timeouts.
std::optional<std::string> timeout(Job& job, const Line& line) {
    const Amount amount = time_span(line.value);
    if (!amount.text) {
        job.refuse(line, amount.problem);
        return std::nullopt;
    }
    if (!amount.note.empty()) job.draft.approximate(line.item, amount.note);
    return amount.is_zero ? "infinity" : *amount.text;
}

void start_timeout(Job& job, const Line& line) {
    const auto time = timeout(job, line);
    if (!time) return;
    job.facts.start_timeout = *time;
    job.draft.put(line.item, "ready.timeout", unitfile::text_node(*time));
}

void stop_timeout(Job& job, const Line& line) {
    if (const auto time = timeout(job, line))
        job.draft.put(line.item, "stop.timeout", unitfile::text_node(*time));
}

void both_timeouts(Job& job, const Line& line) {
    start_timeout(job, line);
    stop_timeout(job, line);
}

void watchdog(Job& job, const Line& line) {
    const Amount amount = time_span(line.value);
    if (!amount.text) return job.refuse(line, amount.problem);
    if (amount.is_zero || amount.is_infinite) return;
    if (!amount.note.empty()) job.draft.approximate(line.item, amount.note);
    job.draft.put(line.item, line.key, unitfile::text_node(*amount.text));
}

void remain(Job& job, const Line& line) {
    const auto value = job.flag(line);
    if (!value) return;
    job.facts.remain_after_exit = *value;
    if (*value) job.draft.put(line.item, line.key, unitfile::boolean_node(true));
}

void exits(Job& job, const Line& line) {
    const std::string_view first = line.key == "success-exit" ? "..." : "";
    for (const std::string& word : split_blanks(line.value)) {
        if (const auto code = exit_status(word)) {
            if (line.key == "success-exit" && *code == 0) continue;
            job.draft.append(line.item, line.key, unitfile::integer_node(*code), first);
        } else if (const std::string signal = signal_word(word); !signal.empty()) {
            job.draft.append(line.item, line.key, unitfile::text_node(signal), first);
        } else {
            job.draft.approximate(line.item,
                                  "'" + word + "' is neither an exit status nor a signal");
        }
    }
}

/// One of several words that unit files have too.
template <std::size_t Size>
void word(Job& job, const Line& line, const std::array<std::string_view, Size>& known) {
    for (const std::string_view one : known) {
        if (line.value == one)
            return job.draft.put(line.item, line.key, unitfile::text_node(std::string(one)));
    }
    job.refuse(line, "there is no such word");
}

void kill_mode(Job& job, const Line& line) {
    if (line.value == "none") {
        job.draft.put(line.item, line.key, unitfile::text_node("process"));
        return job.draft.approximate(line.item,
                                     "process: the main process is asked, no unit is left running");
    }
    word(job, line, std::array<std::string_view, 3>{"control-group", "mixed", "process"});
}

void notify_access(Job& job, const Line& line) {
    if (line.value == "none") return;
    word(job, line, std::array<std::string_view, 3>{"main", "exec", "all"});
}

void exit_type(Job& job, const Line& line) {
    word(job, line, std::array<std::string_view, 2>{"main", "cgroup"});
}

void oom_policy(Job& job, const Line& line) {
    word(job, line, std::array<std::string_view, 3>{"stop", "continue", "kill"});
}

void restart_mode(Job& job, const Line& line) {
    word(job, line, std::array<std::string_view, 2>{"direct", "normal"});
}

void send_kill(Job& job, const Line& line) {
    const auto value = job.flag(line);
    if (!value || *value) return;
    job.draft.put(line.item, "stop.timeout", unitfile::text_node("infinity"));
    job.draft.approximate(line.item, "the stop waits for ever instead of giving up");
}

void final_signal(Job& job, const Line& line) {
    if (signal_word(line.value) == "KILL") return;
    job.draft.leave_out(line.item, "what is left after the time is always killed by KILL");
}

void kept_descriptors(Job& job, const Line& line) {
    if (line.value == "0") return;
    job.draft.explain(line.item, "descriptors are kept without a number to be given");
}

void not_blocking(Job& job, const Line& line) {
    no_counterpart(job, line);
}

constexpr std::array kServiceRules{
    Rule{"Type", Many::Last, type, "type"},
    Rule{"ExecStart", Many::List, command, "command"},
    Rule{"ExecStartPre", Many::List, command, "hooks.pre-start"},
    Rule{"ExecStartPost", Many::List, command, "hooks.post-start"},
    Rule{"ExecCondition", Many::List, command, "hooks.pre-start"},
    Rule{"ExecReload", Many::List, command, "reload.command"},
    Rule{"ExecStop", Many::List, command, "stop.command"},
    Rule{"ExecStopPost", Many::List, command, "hooks.post-stop"},
    Rule{"BusName", Many::Last, bus_name, "description"},
    Rule{"PIDFile", Many::Last, pid_file, "ready.pid-file"},
    Rule{"GuessMainPID", Many::Last, holds, "", "without a pid file the main process is found out"},
    Rule{"RemainAfterExit", Many::Last, remain, "remain-after-exit"},
    Rule{"ExitType", Many::Last, exit_type, "exit-type"},
    Rule{"Restart", Many::Last, restart, "restart.policy"},
    Rule{"RestartMode", Many::Last, restart_mode, "restart.mode"},
    Rule{"RestartSec", Many::Last, put_duration, "restart.delay"},
    Rule{"RestartMaxDelaySec", Many::Last, restart_max_delay, "restart.max-delay"},
    Rule{"RestartSteps", Many::Last, restart_steps},
    Rule{"RestartPreventExitStatus", Many::List, exits, "restart.prevent-exit"},
    Rule{"RestartForceExitStatus", Many::List, no_counterpart, "",
         "the policy alone decides about restarts"},
    Rule{"SuccessExitStatus", Many::List, exits, "success-exit"},
    Rule{"TimeoutStartSec", Many::Last, start_timeout, "ready.timeout"},
    Rule{"TimeoutStopSec", Many::Last, stop_timeout, "stop.timeout"},
    Rule{"TimeoutSec", Many::Last, both_timeouts, "stop.timeout"},
    Rule{"TimeoutAbortSec", Many::Last, differs, "",
         "the stop's timeout counts after a watchdog too"},
    Rule{"TimeoutStartFailureMode", Many::Last, differs, "",
         "a start that takes too long is stopped"},
    Rule{"TimeoutStopFailureMode", Many::Last, differs, "", "a stop that takes too long is killed"},
    Rule{"RuntimeMaxSec", Many::Last, no_counterpart, "", "a unit's life has no time limit"},
    Rule{"RuntimeRandomizedExtraSec", Many::Last, no_counterpart, "",
         "a unit's life has no time limit"},
    Rule{"StartLimitInterval", Many::Last, put_duration, "restart.interval"},
    Rule{"StartLimitBurst", Many::Last, put_integer, "restart.burst"},
    Rule{"StartLimitAction", Many::Last, no_counterpart, "", "write it into [Unit]"},
    Rule{"WatchdogSec", Many::Last, watchdog, "watchdog.interval"},
    Rule{"WatchdogSignal", Many::Last, put_signal, "watchdog.signal"},
    Rule{"NotifyAccess", Many::Last, notify_access, "ready.access"},
    Rule{"KillMode", Many::Last, kill_mode, "stop.kill-mode"},
    Rule{"KillSignal", Many::Last, put_signal, "stop.signal"},
    Rule{"RestartKillSignal", Many::Last, differs, "",
         "a restart stops with the signal of every stop"},
    Rule{"FinalKillSignal", Many::Last, final_signal},
    Rule{"SendSIGHUP", Many::Last, put_flag, "stop.send-hup"},
    Rule{"SendSIGKILL", Many::Last, send_kill, "stop.timeout"},
    Rule{"ReloadSignal", Many::Last, put_signal, "reload.signal"},
    Rule{"OOMPolicy", Many::Last, oom_policy, "oom-policy"},
    Rule{"Sockets", Many::List, holds, "", "sockets are tables of their unit"},
    Rule{"FileDescriptorStoreMax", Many::Last, kept_descriptors},
    Rule{"FileDescriptorStorePreserve", Many::Last, holds, "",
         "descriptors are kept without a word"},
    Rule{"NonBlocking", Many::Last, not_blocking, "", "sockets are handed over as they are opened"},
    Rule{"RootDirectoryStartOnly", Many::Last, no_counterpart, "", "a unit has no root of its own"},
    Rule{"PermissionsStartOnly", Many::Last, no_counterpart, "", "hooks run as the unit's user"},
    Rule{"USBFunctionDescriptors", Many::Last, no_counterpart, "", "a guest has no USB functions"},
    Rule{"USBFunctionStrings", Many::Last, no_counterpart, "", "a guest has no USB functions"},
    Rule{"OpenFile", Many::List, no_counterpart, "", "units open their files themselves"},
    Rule{"SysVStartPriority", Many::Last, holds, "", "without effect for a long time"},
};

} // namespace

std::span<const Rule> service_rules() {
    return kServiceRules;
}

} // namespace stead::importing
