#include "cli/why_text.h"

#include <algorithm>
#include <cerrno>

#include "base/signal_name.h"
#include "cli/words.h"

namespace stead::cli {

namespace {

constexpr std::uint8_t kBadCall = 31;
constexpr std::uint8_t kKill = 9;

bool names_other(ReasonKind kind) {
    return kind == ReasonKind::Dependency || kind == ReasonKind::Conflict ||
           kind == ReasonKind::BoundUnitStopped;
}

/// "file /etc/stead/units/web.toml", or "unit file" where it is not known.
std::string file_of(const UnitRecord& unit) {
    return unit.source.empty() ? "its unit file" : safe(unit.source);
}

/// The keys that a stage applies; empty for those that apply none.
std::string_view keys_of(SpawnStage stage) {
    switch (stage) {
    case SpawnStage::Cgroup:
    case SpawnStage::Limits:
        return "[limits]";
    case SpawnStage::OomScore:
        return "oom-score-adjust";
    case SpawnStage::Scheduling:
        return "nice, and the scheduling keys";
    case SpawnStage::Namespaces:
    case SpawnStage::Files:
    case SpawnStage::Landlock:
        return "[files] and the namespace keys";
    case SpawnStage::Directories:
        return "directories";
    case SpawnStage::Credentials:
        return "credentials";
    case SpawnStage::Groups:
    case SpawnStage::Group:
    case SpawnStage::User:
        return "user and group";
    case SpawnStage::CapabilityBounding:
    case SpawnStage::Capabilities:
    case SpawnStage::NoNewPrivileges:
        return "capabilities and no-new-privileges";
    case SpawnStage::WorkingDirectory:
        return "working-directory";
    case SpawnStage::Terminal:
        return "tty";
    case SpawnStage::Filter:
        return "system-calls";
    case SpawnStage::Sockets:
        return "[socket]";
    case SpawnStage::None:
    case SpawnStage::Clone:
    case SpawnStage::Session:
    case SpawnStage::Descriptors:
    case SpawnStage::Signals:
    case SpawnStage::Exec:
        return "";
    }
    return "";
}

std::string spawn_advice(const UnitRecord& unit) {
    const Reason& reason = unit.reason;
    const auto role = static_cast<CommandRole>(reason.role);
    const std::string what =
        role == CommandRole::Main ? "'command'" : "'" + std::string(role_name(role)) + "'";
    if (reason.stage == SpawnStage::Exec) {
        if (reason.error == ENOENT)
            return "check that " + what + " in " + file_of(unit) +
                   " names a program that is inside the guest (and, for a script, that the "
                   "interpreter of its first line is)";
        if (reason.error == EACCES)
            return "make the program of " + what +
                   " executable for the unit's user, and the "
                   "folders above it reachable; a mount with noexec refuses as well";
        if (reason.error == ENOEXEC)
            return "the program of " + what +
                   " is neither built for this machine nor a script "
                   "with a '#!' line";
    }
    if (reason.error == EAGAIN || reason.error == ENOMEM)
        return "the machine or the guest is short of processes or memory: look at its limits; "
               "this is tried again by itself";
    const auto keys = keys_of(reason.stage);
    if (keys.empty()) return "look at " + what + " in " + file_of(unit);
    return "look at " + std::string(keys) + " in " + file_of(unit) +
           ": that is what was being applied";
}

std::string ended_advice(const UnitRecord& unit, const std::string& name) {
    const ExitStatus& status = unit.reason.status;
    std::string lines = "'stead logs " + name + " -n 100' shows what it wrote";
    if (status.kind == ExitStatus::Kind::Exited) {
        if (status.value == 0)
            return "it ended by itself, and its policy does not start it again: restart = "
                   "\"always\" would, and type = \"oneshot\" suits a job that ends";
        if (status.value == 127)
            return "code 127 is a shell's way to say that a program was not found: " + lines;
        if (status.value == 126)
            return "code 126 is a shell's way to say that a program could not be run: " + lines;
        return lines + "; the code is the program's own";
    }
    if (status.kind == ExitStatus::Kind::Killed) {
        if (status.value == kBadCall)
            return "it made a system call that its filter refuses: 'system-calls' in " +
                   file_of(unit) + " says which are allowed";
        if (status.value == kKill)
            return "somebody killed it (" + std::string("stead kill") +
                   ", or a process with the right to): " + lines;
        return "it crashed or was sent " + std::string(signal_name(status.value)) + ": " + lines;
    }
    return lines;
}

std::string ready_advice(const UnitRecord& unit) {
    const std::string how =
        unit.type == UnitType::Notify ? "check that the program sends READY=1 (type = \"notify\" "
                                        "waits for it; 'notify-access' "
                                        "says whose message counts)"
        : unit.type == UnitType::NotifyFd
            ? "check that the program writes a line to its readiness descriptor"
        : unit.type == UnitType::Oneshot
            ? "the job takes longer than it may"
            : "check what its readiness waits for (ready.tcp, ready.unix, ready.path, ready.exec)";
    return how + ", or raise ready.timeout in " + file_of(unit);
}

/// What the reason itself suggests.
std::string reason_advice(const UnitRecord& unit, const std::string& name) {
    switch (unit.reason.kind) {
    case ReasonKind::SpawnFailed:
        return spawn_advice(unit);
    case ReasonKind::Exited:
    case ReasonKind::StartLimit:
        return ended_advice(unit, name);
    case ReasonKind::CommandFailed:
        if (is_late_reload(unit.reason))
            return "it goes on as it was; a program with reload.notify says RELOADING=1 and then "
                   "READY=1, within ready.timeout of " +
                   file_of(unit);
        return ended_advice(unit, name);
    case ReasonKind::EndedBeforeReady:
        return ended_advice(unit, name) + "; it has to become ready, and stay";
    case ReasonKind::StartTimeout:
        return ready_advice(unit);
    case ReasonKind::StopTimeout:
        return "it did not obey its stop signal: raise stop.timeout in " + file_of(unit) +
               ", or give it the signal it listens to (stop.signal)";
    case ReasonKind::Watchdog:
        return "it hangs, or sends WATCHDOG=1 too rarely: 'stead logs " + name +
               " -n 100' shows its last words; watchdog.interval in " + file_of(unit) +
               " sets how long it may be silent";
    case ReasonKind::Health:
        return "run the probe by hand, and look at [health] in " + file_of(unit);
    case ReasonKind::OomKill:
        return "give it more memory (limits.memory-max in " + file_of(unit) +
               ", and the guest's own), or make it use less";
    case ReasonKind::Conflict:
        return "stop the other unit first, or take one of them out of the boot";
    case ReasonKind::ConditionNotMet:
        return "look at [conditions] in " + file_of(unit) + ": it is skipped on purpose";
    case ReasonKind::Dependency:
    case ReasonKind::BoundUnitStopped:
        return "what it needs has to come up first: 'stead start' of that unit";
    case ReasonKind::NotEnabled:
    case ReasonKind::NotStarted:
    case ReasonKind::ByHand:
    case ReasonKind::None:
    case ReasonKind::Boot:
    case ReasonKind::Shutdown:
    case ReasonKind::NotNeeded:
        return "";
    }
    return "";
}

std::string times(std::int64_t count) {
    return count == 1 ? "once" : count == 2 ? "twice" : std::to_string(count) + " times";
}

/// The state's sentence, in words that follow a name: "failed 3 s ago", "is in back-off ...".
std::string state_words(const UnitRecord& unit) {
    if (unit.state == UnitState::Failed) return "failed " + duration_words(unit.age()) + " ago";
    std::string text = state_sentence(unit);
    constexpr std::string_view kShort = "backoff";
    if (text.starts_with(kShort)) text.replace(0, kShort.size(), "in back-off");
    return "is " + text;
}

} // namespace

std::vector<std::size_t> cause_chain(const std::vector<UnitRecord>& units, std::size_t unit) {
    std::vector<std::size_t> chain{unit};
    while (names_other(units[chain.back()].reason.kind)) {
        const std::string& other = units[chain.back()].reason_unit;
        const auto at = std::find_if(units.begin(), units.end(),
                                     [&](const UnitRecord& one) { return one.name == other; });
        if (at == units.end()) break;
        const auto index = static_cast<std::size_t>(at - units.begin());
        if (std::find(chain.begin(), chain.end(), index) != chain.end()) break;
        chain.push_back(index);
    }
    return chain;
}

bool is_well(const UnitRecord& unit) {
    if (unit.ready()) return true;
    if (unit.state != UnitState::Down) return false;
    switch (unit.reason.kind) {
    case ReasonKind::None:
    case ReasonKind::NotStarted:
    case ReasonKind::NotEnabled:
    case ReasonKind::ByHand:
    case ReasonKind::Boot:
    case ReasonKind::Shutdown:
    case ReasonKind::NotNeeded:
    case ReasonKind::ConditionNotMet:
    case ReasonKind::Conflict:
        return true;
    case ReasonKind::Exited:
        return unit.reason.status.kind == ExitStatus::Kind::Exited && unit.reason.status.value == 0;
    case ReasonKind::Dependency:
    case ReasonKind::CommandFailed:
    case ReasonKind::SpawnFailed:
    case ReasonKind::StartTimeout:
    case ReasonKind::StopTimeout:
    case ReasonKind::Watchdog:
    case ReasonKind::Health:
    case ReasonKind::OomKill:
    case ReasonKind::StartLimit:
    case ReasonKind::EndedBeforeReady:
    case ReasonKind::BoundUnitStopped:
        return false;
    }
    return false;
}

std::string unit_sentence(const UnitRecord& unit, const std::string& name) {
    std::string text = safe(name) + " " + state_words(unit);
    const std::string why = reason_sentence(unit);
    if (!why.empty()) text.append(": ").append(why);
    text += ".";
    if (unit.restarts > 0)
        text.append(" It was started again ").append(times(unit.restarts)) += ".";
    if (!unit.status_text.empty()) text += " It says: " + safe(unit.status_text) + ".";
    return text;
}

std::string why_paragraph(const GuestAnswer& answer, const std::vector<std::size_t>& chain) {
    std::string text;
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const UnitRecord& unit = answer.units[chain[i]];
        const Target named{.guest = answer.target.guest, .unit = unit.name};
        if (i > 0) text += i + 1 == chain.size() ? " The cause: " : " And ";
        text += unit_sentence(unit, named.text());
    }
    return text;
}

std::vector<std::string> advice_for(const UnitRecord& unit, const std::string& name) {
    std::vector<std::string> advice;
    if (unit.ready()) return advice;
    const std::string shown = safe(name);
    if (std::string first = reason_advice(unit, shown); !first.empty())
        advice.push_back(std::move(first));
    if (unit.state == UnitState::Backoff) {
        advice.push_back("it is tried again by itself; 'stead start " + shown +
                         "' does not wait for that");
    } else if (unit.state == UnitState::Failed) {
        advice.push_back("'stead start " + shown + "' tries again" +
                         (unit.reason.kind == ReasonKind::StartLimit
                              ? ", and forgets how often it was restarted"
                              : " once that is mended"));
    } else if (unit.state == UnitState::Down) {
        advice.push_back(
            "'stead start " + shown + "' starts it" +
            (unit.enabled ? ""
                          : "; enabled = true in " + file_of(unit) + " starts it with the guest"));
    } else if (unit.state == UnitState::Starting && unit.reason.kind != ReasonKind::Dependency) {
        advice.push_back("it is on its way: 'stead wait " + shown + "' returns when it is up");
    }
    return advice;
}

std::vector<Trouble> troubles(const std::vector<UnitRecord>& units) {
    std::vector<Trouble> list;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (is_well(units[i])) continue;
        const std::size_t cause = cause_chain(units, i).back();
        auto at = std::find_if(list.begin(), list.end(),
                               [&](const Trouble& one) { return one.cause == cause; });
        if (at == list.end()) {
            list.push_back({.cause = cause, .kept_down = {}});
            at = list.end() - 1;
        }
        if (i != cause) at->kept_down.push_back(i);
    }
    std::stable_sort(list.begin(), list.end(), [&](const Trouble& a, const Trouble& b) {
        const auto failed = [&](const Trouble& one) {
            return units[one.cause].state == UnitState::Failed;
        };
        return failed(a) && !failed(b);
    });
    return list;
}

} // namespace stead::cli
