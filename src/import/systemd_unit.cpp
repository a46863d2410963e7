#include <algorithm>
#include <array>

#include "import/amounts.h"
#include "import/rules.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// [Unit] and [Install].
namespace stead::importing {

namespace {

/// Targets that hold in a guest before its first unit starts: its file systems, network and clock
/// are there when PID 1 is.
constexpr std::array<std::string_view, 39> kAlways{"basic",
                                                   "sysinit",
                                                   "local-fs",
                                                   "local-fs-pre",
                                                   "remote-fs",
                                                   "remote-fs-pre",
                                                   "network",
                                                   "network-pre",
                                                   "network-online",
                                                   "nss-lookup",
                                                   "nss-user-lookup",
                                                   "time-set",
                                                   "time-sync",
                                                   "syslog",
                                                   "sockets",
                                                   "timers",
                                                   "paths",
                                                   "slices",
                                                   "swap",
                                                   "cryptsetup",
                                                   "cryptsetup-pre",
                                                   "remote-cryptsetup",
                                                   "veritysetup",
                                                   "veritysetup-pre",
                                                   "integritysetup",
                                                   "integritysetup-pre",
                                                   "getty-pre",
                                                   "machines",
                                                   "sound",
                                                   "bluetooth",
                                                   "printer",
                                                   "smartcard",
                                                   "usb-gadget",
                                                   "boot-complete",
                                                   "first-boot-complete",
                                                   "initrd-fs",
                                                   "initrd-root-fs",
                                                   "initrd",
                                                   "soft-reboot"};

/// A guest's end: everything stops, in order.
constexpr std::array<std::string_view, 13> kEnds{"shutdown",
                                                 "umount",
                                                 "final",
                                                 "reboot",
                                                 "poweroff",
                                                 "halt",
                                                 "exit",
                                                 "kexec",
                                                 "sleep",
                                                 "suspend",
                                                 "hibernate",
                                                 "hybrid-sleep",
                                                 "suspend-then-hibernate"};

/// What starts with the guest.
constexpr std::array<std::string_view, 5> kDefaults{"multi-user", "graphical", "default",
                                                    "runlevel3", "getty"};

template <std::size_t Size>
bool among(const std::array<std::string_view, Size>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

OtherUnit other_target(std::string_view stem) {
    if (among(kAlways, stem)) return {{}, "holds before the first unit starts", false};
    if (among(kEnds, stem)) return {{}, "every unit stops at the guest's end, in order", false};
    if (among(kDefaults, stem)) return {{}, "it stands for the guest's whole start", true};
    if (stem == "rescue" || stem == "emergency")
        return {{}, "a guest has no rescue mode to change into", false};
    return {std::string(stem) + ".target", {}, false};
}

/// A name may have the instance's in it.
std::string name_problem(std::string name) {
    while (true) {
        const auto at = name.find('%');
        if (at == std::string::npos) return unitfile::unit_name_problem(name);
        name.replace(at, 2, "i");
    }
}

/// What a unit asks for by name: every name of the list under `line.key`.
void relate(Job& job, const Line& line) {
    const auto words = job.words(line);
    if (!words) return;
    for (const std::string& word : *words) {
        const auto text = job.text(line, word, line.key);
        if (!text) continue;
        if (*text == "syslog.socket" && line.key == "requires") job.facts.takes_syslog = true;
        const OtherUnit other = other_unit(*text);
        if (!other.reason.empty()) {
            const std::string note = *text + ": " + other.reason;
            if (other.lost) {
                job.draft.approximate(line.item, note);
            } else {
                job.draft.explain(line.item, note);
            }
            continue;
        }
        // A socket or timer is part of the unit it starts.
        if (other.name == job.names.stem) continue;
        if (const auto problem = name_problem(other.name); !problem.empty()) {
            job.draft.approximate(line.item, *text + " " + problem);
            continue;
        }
        if (line.key == "requires" || line.key == "binds-to") job.facts.required.insert(other.name);
        job.draft.append(line.item, line.key, unitfile::text_node(other.name));
    }
    if (!line.note.empty()) job.draft.approximate(line.item, line.note);
}

/// FAILURE and SUCCESS: one unit that is started.
void start_other(Job& job, const Line& line) {
    const auto words = job.words(line);
    if (!words || words->empty()) return;
    if (words->size() > 1) job.draft.approximate(line.item, "only the first unit is started");
    const auto text = job.text(line, words->front(), line.key);
    if (!text) return;
    const OtherUnit other = other_unit(*text);
    if (other.name.empty()) return job.draft.leave_out(line.item, *text + ": " + other.reason);
    job.draft.put(line.item, line.key, unitfile::text_node("unit:" + other.name));
}

void act(Job& job, const Line& line) {
    const std::string_view value = line.value;
    std::string word;
    if (value.empty() || value == "none") return;
    if (value.starts_with("exit")) word = "exit";
    if (value.starts_with("reboot") || value.starts_with("soft-reboot") ||
        value.starts_with("kexec"))
        word = "reboot";
    if (value.starts_with("poweroff") || value.starts_with("halt")) word = "shutdown";
    if (word.empty()) return job.refuse(line, "there is no such action");
    if (value.find('-') != std::string_view::npos)
        job.draft.approximate(line.item, "the guest is always stopped in order");
    job.draft.put(line.item, line.key, unitfile::text_node(word));
}

void limit_interval(Job& job, const Line& line) {
    const Amount amount = time_span(line.value);
    if (!amount.text) return job.refuse(line, amount.problem);
    job.facts.has_start_limit = true;
    if (amount.is_zero)
        return job.draft.put(line.item, "restart.burst", unitfile::text_node("infinity"));
    job.draft.put(line.item, line.key, unitfile::text_node(*amount.text));
}

void limit_burst(Job& job, const Line& line) {
    const auto count = unitfile::parse_digits(line.value, 1'000'000);
    if (!count) return job.refuse(line, "it is no number");
    job.facts.has_start_limit = true;
    if (*count == 0) return job.draft.put(line.item, line.key, unitfile::text_node("infinity"));
    // The interval has switched the limit off already.
    if (const Node* known = job.draft.find(line.key);
        known != nullptr && known->is(unitfile::NodeType::String))
        return;
    job.draft.put(line.item, line.key, unitfile::integer_node(static_cast<std::int64_t>(*count)));
}

void wanted_by(Job& job, const Line& line) {
    job.facts.has_install = true;
    for (const std::string& word : split_blanks(line.value)) {
        const auto text = job.text(line, word, "wants");
        if (!text) continue;
        const OtherUnit other = other_unit(*text);
        if (other.name.empty() || other.name == job.names.stem) {
            // Everything systemd starts at boot hangs below one of these.
            job.facts.enabled = true;
            job.draft.explain(line.item, "the unit starts with the guest");
        } else {
            job.facts.wanted_by.emplace_back(line.item, other.name);
        }
    }
}

void also(Job& job, const Line& line) {
    for (const std::string& word : split_blanks(line.value))
        job.facts.also.emplace_back(line.item, word);
}

void alias(Job& job, const Line& line) {
    for (const std::string& word : split_blanks(line.value)) {
        const auto text = job.text(line, word, line.key);
        if (!text) continue;
        const std::string name = other_unit(*text).name;
        if (name.empty()) {
            job.draft.approximate(line.item, *text + " has no counterpart");
        } else if (name != job.names.stem) {
            job.draft.append(line.item, line.key, unitfile::text_node(name));
        }
    }
}

void default_instance(Job& job, const Line& line) {
    const auto text = job.text(line);
    if (text) job.draft.append(line.item, "instances", unitfile::text_node(*text));
}

constexpr std::array kUnitRules{
    Rule{"Description", Many::Last, put_text, "description"},
    Rule{"Documentation", Many::List, append_words, "documentation"},
    Rule{"Requires", Many::List, relate, "requires"},
    Rule{"Requisite", Many::List, relate, "requires", "it is started when it is not up yet"},
    Rule{"Wants", Many::List, relate, "wants"},
    Rule{"BindsTo", Many::List, relate, "binds-to"},
    Rule{"PartOf", Many::List, relate, "part-of"},
    Rule{"Upholds", Many::List, relate, "wants", "it is started once, not again whenever it ends"},
    Rule{"Conflicts", Many::List, relate, "conflicts"},
    Rule{"Before", Many::List, relate, "before"},
    Rule{"After", Many::List, relate, "after"},
    Rule{"StopPropagatedFrom", Many::List, relate, "part-of",
         "restarts are followed too, not only stops"},
    Rule{"OnFailure", Many::Last, start_other, "on.failure"},
    Rule{"OnSuccess", Many::Last, start_other, "on.success"},
    Rule{"FailureAction", Many::Last, act, "on.failure"},
    Rule{"SuccessAction", Many::Last, act, "on.success"},
    Rule{"StartLimitAction", Many::Last, act, "on.limit"},
    Rule{"StartLimitIntervalSec", Many::Last, limit_interval, "restart.interval"},
    Rule{"StartLimitInterval", Many::Last, limit_interval, "restart.interval"},
    Rule{"StartLimitBurst", Many::Last, limit_burst, "restart.burst"},
    Rule{"DefaultDependencies", Many::Last, holds, "",
         "units have no dependencies but those written"},
    Rule{"RequiresMountsFor", Many::List, holds, "", "a guest's mounts are there before PID 1"},
    Rule{"WantsMountsFor", Many::List, holds, "", "a guest's mounts are there before PID 1"},
    Rule{"IgnoreOnIsolate", Many::Last, holds, "", "nothing is ever isolated"},
    Rule{"AllowIsolate", Many::Last, no_counterpart, "",
         "a guest has one target and never changes it"},
    Rule{"CollectMode", Many::Last, holds, "", "units are never unloaded"},
    Rule{"SourcePath", Many::Last, holds, "", "for people only"},
    Rule{"StopWhenUnneeded", Many::Last, no_counterpart, "",
         "a unit stays up when nobody needs it any more"},
    Rule{"RefuseManualStart", Many::Last, no_counterpart, "",
         "who may command may start every unit"},
    Rule{"RefuseManualStop", Many::Last, no_counterpart, "", "who may command may stop every unit"},
    Rule{"SurviveFinalKillSignal", Many::Last, no_counterpart, "", "nothing outlives the guest"},
    Rule{"PropagatesReloadTo", Many::List, no_counterpart, "", "a reload is for one unit"},
    Rule{"ReloadPropagatedFrom", Many::List, no_counterpart, "", "a reload is for one unit"},
    Rule{"PropagatesStopTo", Many::List, no_counterpart, "",
         "the other unit says that: write this one into its part-of"},
    Rule{"JoinsNamespaceOf", Many::List, no_counterpart, "",
         "units do not share namespaces of their own"},
    Rule{"OnFailureJobMode", Many::Last, no_counterpart, "", "a start never replaces other jobs"},
    Rule{"OnSuccessJobMode", Many::Last, no_counterpart, "", "a start never replaces other jobs"},
    Rule{"JobTimeoutSec", Many::Last, no_counterpart, "", "only the start itself has a time limit"},
    Rule{"JobRunningTimeoutSec", Many::Last, no_counterpart, "",
         "only the start itself has a time limit"},
    Rule{"JobTimeoutAction", Many::Last, no_counterpart, "",
         "only the start itself has a time limit"},
    Rule{"RebootArgument", Many::Last, no_counterpart, "", "a guest's reboot has no argument"},
    Rule{"FailureActionExitStatus", Many::Last, no_counterpart, "",
         "the guest's exit code is that of an essential unit"},
    Rule{"SuccessActionExitStatus", Many::Last, no_counterpart, "",
         "the guest's exit code is that of an essential unit"},
};

constexpr std::array kInstallRules{
    Rule{"WantedBy", Many::List, wanted_by},
    Rule{"RequiredBy", Many::List, wanted_by},
    Rule{"UpheldBy", Many::List, wanted_by},
    Rule{"Also", Many::List, also},
    Rule{"Alias", Many::List, alias, "alias"},
    Rule{"DefaultInstance", Many::Last, default_instance, "instances"},
};

} // namespace

OtherUnit other_unit(std::string_view name) {
    const auto dot = name.rfind('.');
    const std::string_view suffix = dot == std::string_view::npos ? "" : name.substr(dot + 1);
    const std::string_view stem = name.substr(0, dot);
    if (suffix == "target") return other_target(stem);
    if (suffix == "mount" || suffix == "automount" || suffix == "swap")
        return {{}, "a guest's mounts are there before PID 1", false};
    if (suffix == "slice" || suffix == "scope")
        return {{}, "every unit has a cgroup of its own", false};
    if (suffix == "device") return {{}, "a guest's devices are there before PID 1", false};
    if (suffix == "path") return {{}, "paths are not watched", true};
    if (name == "syslog.socket") return {{}, "/dev/log is not passed on by a journal", false};
    if (stem.starts_with("systemd-")) return {{}, "a part of systemd", false};
    if (suffix == "service" || suffix == "socket" || suffix == "timer")
        return {std::string(stem), {}, false};
    return {{}, "it is no unit's name", true};
}

std::span<const Rule> unit_rules() {
    return kUnitRules;
}

std::span<const Rule> install_rules() {
    return kInstallRules;
}

} // namespace stead::importing
