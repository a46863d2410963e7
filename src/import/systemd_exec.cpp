#include <algorithm>
#include <array>

#include "import/amounts.h"
#include "import/rules.h"
#include "unitfile/command_line.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// How processes run (systemd.exec(5)): who, where, with what environment, input and output.
namespace stead::importing {

namespace {

void user(Job& job, const Line& line) {
    const auto text = job.text(line);
    if (!text || text->empty()) return;
    if (line.key == "user") job.facts.user = *text;
    job.draft.put(line.item, line.key, unitfile::text_node(*text));
}

void dynamic_user(Job& job, const Line& line) {
    const auto value = job.flag(line);
    if (!value || !*value) return;
    job.facts.dynamic_user = true;
    job.facts.dynamic_user_item = line.item;
}

void working_directory(Job& job, const Line& line) {
    std::string_view path = line.value;
    if (path.empty()) return;
    if (path.starts_with('-')) {
        path.remove_prefix(1);
        job.draft.approximate(line.item, "the folder must be there");
    }
    if (path == "~")
        return job.draft.leave_out(line.item, "the user's home is not looked up; name the folder");
    if (const auto text = job.text(line, path, line.key))
        job.draft.put(line.item, line.key, unitfile::text_node(*text));
}

void environment(Job& job, const Line& line) {
    const auto words = job.words(line);
    if (!words) return;
    for (const std::string& word : *words) {
        const auto equals = word.find('=');
        const std::string name = word.substr(0, equals);
        if (equals == std::string::npos || !unitfile::is_variable_name(name)) {
            job.draft.approximate(line.item, "'" + word + "' is no variable");
            continue;
        }
        const auto text = job.text(line, word.substr(equals + 1), line.key);
        if (!text) continue;
        job.facts.environment[name] = *text;
        job.draft.member(line.item, line.key, name, unitfile::text_node(*text));
    }
}

void environment_file(Job& job, const Line& line) {
    if (line.value.empty()) return;
    // A pattern stands for the files that are there when the unit starts.
    if (line.value.find_first_of("*?[") != std::string_view::npos)
        return job.draft.leave_out(line.item, "files are named, patterns are not looked up");
    const auto text = job.text(line);
    if (!text) return;
    job.facts.has_environment_files = true;
    job.draft.append(line.item, line.key, unitfile::text_node(*text));
}

void pass_environment(Job& job, const Line& line) {
    for (const std::string& name : split_blanks(line.value)) {
        if (!unitfile::is_variable_name(name)) {
            job.draft.approximate(line.item, "'" + name + "' is no variable");
        } else if (line.name == "PassEnvironment") {
            job.draft.append(line.item, line.key, unitfile::text_node(name), "...");
        } else {
            job.draft.append(line.item, line.key, unitfile::text_node("!" + name), "...");
        }
    }
}

/// `text` without what is above the highest limit that can be had; times are left alone.
std::string within_reach(Job& job, const Line& line, const std::string& text) {
    if (!job.options.hard_limit || line.note == "cpu" || line.note == "rttime") return text;
    const auto parsed = unitfile::parse_rlimit(line.note, text);
    if (!parsed.value) return text;
    const std::uint64_t most = job.options.hard_limit(parsed.value->resource);
    if (parsed.value->hard <= most) return text;
    job.draft.approximate(line.item, "no more than " + std::to_string(most) + " can be had here");
    constexpr std::string_view kSizes = "as core data fsize memlock msgqueue rss stack";
    const std::string unit = kSizes.find(line.note) == std::string_view::npos ? "" : "B";
    const std::string hard = std::to_string(most) + unit;
    return std::to_string(std::min(parsed.value->soft, most)) + unit + ":" + hard;
}

void limit(Job& job, const Line& line) {
    const Amount amount = resource_limit(line.note, line.value);
    if (!amount.text) return job.refuse(line, amount.problem);
    const std::string text = within_reach(job, line, *amount.text);
    if (const auto number = unitfile::parse_digits(text, INT64_MAX)) {
        job.draft.put(line.item, line.key,
                      unitfile::integer_node(static_cast<std::int64_t>(*number)));
    } else if (amount.is_zero) {
        job.draft.put(line.item, line.key, unitfile::integer_node(0));
    } else {
        job.draft.put(line.item, line.key, unitfile::text_node(text));
    }
}

/// Below 0 a process is favoured over those of the host: the kernel leaves that to the host's root,
/// and systemd in a container goes without it.
void own_disadvantage(Job& job, const Line& line) {
    if (line.value.starts_with('-') && unitfile::parse_digits(line.value.substr(1), 1000))
        return job.draft.leave_out(line.item, "a guest's processes are not favoured over others");
    put_integer(job, line);
}

void io_class(Job& job, const Line& line) {
    std::string word(line.value);
    constexpr std::array<std::string_view, 4> kClasses{"none", "realtime", "best-effort", "idle"};
    if (const auto number = unitfile::parse_digits(word, 3)) word = kClasses[*number];
    if (std::find(kClasses.begin(), kClasses.end(), word) == kClasses.end())
        return job.refuse(line, "there is no such class");
    if (word == "none") return;
    if (word == "realtime") word = "real-time";
    std::string level = ":4";
    if (const Node* const known = job.draft.find(line.key)) {
        const auto colon = known->text.find(':');
        if (colon != std::string::npos) level = known->text.substr(colon);
    }
    if (word == "idle") level.clear();
    job.draft.put(line.item, line.key, unitfile::text_node(word + level));
}

void io_priority(Job& job, const Line& line) {
    const auto level = unitfile::parse_digits(line.value, 7);
    if (!level) return job.refuse(line, "it is no priority from 0 to 7");
    const Node* const known = job.draft.find(line.key);
    const std::string text = known == nullptr ? "best-effort" : known->text;
    if (text == "idle") return;
    job.draft.put(
        line.item, line.key,
        unitfile::text_node(text.substr(0, text.find(':')) + ":" + std::to_string(*level)));
}

void cpu_policy(Job& job, const Line& line) {
    constexpr std::array<std::string_view, 5> kPolicies{"other", "batch", "idle", "fifo", "rr"};
    if (std::find(kPolicies.begin(), kPolicies.end(), line.value) == kPolicies.end())
        return job.refuse(line, "there is no such policy");
    // Without a word about it systemd takes the lowest priority.
    const bool real_time = line.value == "fifo" || line.value == "rr";
    job.draft.put(line.item, line.key,
                  unitfile::text_node(std::string(line.value) + (real_time ? ":1" : "")));
}

void cpu_priority(Job& job, const Line& line) {
    const auto priority = unitfile::parse_digits(line.value, 99);
    if (!priority) return job.refuse(line, "it is no priority from 1 to 99");
    const Node* const known = job.draft.find(line.key);
    const std::string policy = known == nullptr ? "" : known->text.substr(0, known->text.find(':'));
    if (policy != "fifo" && policy != "rr") {
        if (*priority == 0) return;
        return job.draft.leave_out(line.item, "only the real-time policies have priorities");
    }
    if (*priority == 0) return job.refuse(line, "it is no priority from 1 to 99");
    job.draft.put(line.item, line.key,
                  unitfile::text_node(policy + ":" + std::to_string(*priority)));
}

/// "0 2-3,5" is "0,2-3,5".
void cpu_affinity(Job& job, const Line& line) {
    if (line.value == "numa" || line.value.empty())
        return job.draft.leave_out(line.item, "processors are named by their numbers");
    std::string list;
    for (std::string word : split_blanks(line.value)) {
        while (word.ends_with(','))
            word.pop_back();
        list += (list.empty() ? "" : ",") + word;
    }
    job.draft.put(line.item, line.key, unitfile::text_node(list));
}

void output(Job& job, const Line& line) {
    const std::string_view value = line.value;
    std::string place;
    if (value == "journal" || value.empty()) {
        // What is written goes to the unit's log, as it would without the line.
        return;
    }
    if (value == "null") place = "null";
    if (value == "inherit") place = line.key == "log.error" ? "output" : "log";
    if (value == "tty" || value == "journal+console" || value == "kmsg+console") place = "console";
    if (value == "syslog" || value == "kmsg") {
        job.draft.approximate(line.item, "to the unit's log");
        return;
    }
    if (value == "syslog+console") {
        place = "console";
        job.draft.approximate(line.item, "console: it does not go to a second place");
    } else if (place == "console" && value != "tty") {
        job.draft.approximate(line.item, "console: it does not go to a second place");
    }
    for (const std::string_view form : {"file:", "append:", "truncate:"}) {
        if (!value.starts_with(form)) continue;
        const auto text = job.text(line, value.substr(form.size()), line.key);
        if (!text) return;
        place = "file:" + *text;
        if (form != "append:")
            job.draft.approximate(line.item, "new output is appended to the file");
    }
    if (place.empty())
        return job.draft.leave_out(line.item, "output goes to log, console, null or file:PATH");
    job.draft.put(line.item, line.key, unitfile::text_node(place));
}

void input(Job& job, const Line& line) {
    if (line.value == "null" || line.value.empty()) return;
    if (line.value == "tty" || line.value == "tty-force" || line.value == "tty-fail") {
        if (job.draft.find("tty.path") == nullptr)
            job.draft.put(line.item, "tty.path", unitfile::text_node("console"));
        return;
    }
    if (line.value == "socket") {
        job.draft.explain(line.item, "a connection is the input of a unit per connection");
        return;
    }
    job.draft.leave_out(line.item, "the input is /dev/null or a terminal");
}

void tty_path(Job& job, const Line& line) {
    auto text = job.text(line);
    if (!text || text->empty()) return;
    if (*text == "/dev/console") *text = "console";
    job.draft.put(line.item, line.key, unitfile::text_node(*text));
}

void credential(Job& job, const Line& line) {
    const auto colon = line.value.find(':');
    const std::string name(line.value.substr(0, colon));
    const std::string_view path =
        colon == std::string_view::npos ? "" : line.value.substr(colon + 1);
    if (!path.starts_with('/'))
        return job.draft.leave_out(line.item, "a credential is a file with an absolute path");
    const auto text = job.text(line, path, "credentials.*");
    if (text) job.draft.put(line.item, "credentials." + name, unitfile::text_node("file:" + *text));
}

constexpr std::string_view kOwnRoot = "a unit has no root of its own; a guest has";
constexpr std::string_view kNoModules = "security modules' labels are not set";
constexpr std::string_view kJournal = "the journal's own; lines carry the unit's name and time";
constexpr std::string_view kTty = "a terminal is cleaned up between its users anyway";

constexpr std::array kExecRules{
    Rule{"User", Many::Last, user, "user"},
    Rule{"Group", Many::Last, user, "group"},
    Rule{"DynamicUser", Many::Last, dynamic_user, "user"},
    Rule{"SupplementaryGroups", Many::List, append_words, "supplementary-groups"},
    Rule{"PAMName", Many::Last, no_counterpart, "", "no PAM session is opened"},
    Rule{"SetLoginEnvironment", Many::Last, holds_when_on, "",
         "HOME, SHELL, USER and LOGNAME are those of the user"},
    Rule{"WorkingDirectory", Many::Last, working_directory, "working-directory"},
    Rule{"UMask", Many::Last, put_mode, "umask"},
    Rule{"Environment", Many::List, environment, "environment"},
    Rule{"EnvironmentFile", Many::List, environment_file, "environment-files"},
    Rule{"PassEnvironment", Many::List, pass_environment, "environment-inherit"},
    Rule{"UnsetEnvironment", Many::List, pass_environment, "environment-inherit"},
    Rule{"Nice", Many::Last, own_disadvantage, "scheduling.nice"},
    Rule{"OOMScoreAdjust", Many::Last, own_disadvantage, "scheduling.oom-score-adjust"},
    Rule{"IOSchedulingClass", Many::Last, io_class, "scheduling.io"},
    Rule{"IOSchedulingPriority", Many::Last, io_priority, "scheduling.io"},
    Rule{"CPUSchedulingPolicy", Many::Last, cpu_policy, "scheduling.cpu-policy"},
    Rule{"CPUSchedulingPriority", Many::Last, cpu_priority, "scheduling.cpu-policy"},
    Rule{"CPUSchedulingResetOnFork", Many::Last, no_counterpart, "", "the policy is inherited"},
    Rule{"CPUAffinity", Many::List, cpu_affinity, "scheduling.cpu-affinity"},
    Rule{"NUMAPolicy", Many::Last, no_counterpart, "", "memory nodes are limits.cpuset-mems"},
    Rule{"NUMAMask", Many::Last, no_counterpart, "", "memory nodes are limits.cpuset-mems"},
    Rule{"LimitAS", Many::Last, limit, "limits.as", "as"},
    Rule{"LimitCORE", Many::Last, limit, "limits.core", "core"},
    Rule{"LimitCPU", Many::Last, limit, "limits.cpu", "cpu"},
    Rule{"LimitDATA", Many::Last, limit, "limits.data", "data"},
    Rule{"LimitFSIZE", Many::Last, limit, "limits.fsize", "fsize"},
    Rule{"LimitLOCKS", Many::Last, limit, "limits.locks", "locks"},
    Rule{"LimitMEMLOCK", Many::Last, limit, "limits.memlock", "memlock"},
    Rule{"LimitMSGQUEUE", Many::Last, limit, "limits.msgqueue", "msgqueue"},
    Rule{"LimitNICE", Many::Last, limit, "limits.nice", "nice"},
    Rule{"LimitNOFILE", Many::Last, limit, "limits.nofile", "nofile"},
    Rule{"LimitNPROC", Many::Last, limit, "limits.nproc", "nproc"},
    Rule{"LimitRSS", Many::Last, limit, "limits.rss", "rss"},
    Rule{"LimitRTPRIO", Many::Last, limit, "limits.rtprio", "rtprio"},
    Rule{"LimitRTTIME", Many::Last, limit, "limits.rttime", "rttime"},
    Rule{"LimitSIGPENDING", Many::Last, limit, "limits.sigpending", "sigpending"},
    Rule{"LimitSTACK", Many::Last, limit, "limits.stack", "stack"},
    Rule{"StandardInput", Many::Last, input, "tty.path"},
    Rule{"StandardOutput", Many::Last, output, "log.output"},
    Rule{"StandardError", Many::Last, output, "log.error"},
    Rule{"StandardInputText", Many::List, no_counterpart, "",
         "the input is /dev/null or a terminal"},
    Rule{"StandardInputData", Many::List, no_counterpart, "",
         "the input is /dev/null or a terminal"},
    Rule{"TTYPath", Many::Last, tty_path, "tty.path"},
    Rule{"TTYReset", Many::Last, holds, "", kTty},
    Rule{"TTYVHangup", Many::Last, holds, "", kTty},
    Rule{"TTYVTDisallocate", Many::Last, holds, "", kTty},
    Rule{"TTYRows", Many::Last, no_counterpart, "", "a terminal keeps its size"},
    Rule{"TTYColumns", Many::Last, no_counterpart, "", "a terminal keeps its size"},
    Rule{"SyslogIdentifier", Many::Last, differs, "", "lines carry the unit's name"},
    Rule{"SyslogFacility", Many::Last, differs, "", kJournal},
    Rule{"SyslogLevel", Many::Last, differs, "", kJournal},
    Rule{"SyslogLevelPrefix", Many::Last, differs, "", kJournal},
    Rule{"LogLevelMax", Many::Last, differs, "", "every line is kept"},
    Rule{"LogExtraFields", Many::List, differs, "", kJournal},
    Rule{"LogRateLimitIntervalSec", Many::Last, differs, "", "log.size and log.keep bound the log"},
    Rule{"LogRateLimitBurst", Many::Last, differs, "", "log.size and log.keep bound the log"},
    Rule{"LogFilterPatterns", Many::List, no_counterpart, "", "every line is kept"},
    Rule{"LogNamespace", Many::Last, differs, "", "every unit has a log of its own"},
    Rule{"LoadCredential", Many::List, credential, "credentials.*"},
    Rule{"LoadCredentialEncrypted", Many::List, no_counterpart, "", "credentials are plain files"},
    Rule{"ImportCredential", Many::List, no_counterpart, "", "credentials are named files"},
    Rule{"SetCredential", Many::List, no_counterpart, "",
         "a credential is a file; write its text into one"},
    Rule{"SetCredentialEncrypted", Many::List, no_counterpart, "", "credentials are plain files"},
    Rule{"IgnoreSIGPIPE", Many::Last, no_counterpart, "", "SIGPIPE is never ignored for a program"},
    Rule{"TimerSlackNSec", Many::Last, no_counterpart, "", "timer slack is not set"},
    Rule{"Personality", Many::Last, no_counterpart, "", "programs run as the kernel is"},
    Rule{"KeyringMode", Many::Last, holds, "", "a guest's programs have no keyrings at all"},
    Rule{"CoredumpFilter", Many::Last, no_counterpart, "", "core files have no filter"},
    Rule{"UtmpIdentifier", Many::Last, differs, "", "programs write utmp themselves"},
    Rule{"UtmpMode", Many::Last, differs, "", "programs write utmp themselves"},
    Rule{"SELinuxContext", Many::Last, no_counterpart, "", kNoModules},
    Rule{"AppArmorProfile", Many::Last, no_counterpart, "", kNoModules},
    Rule{"SmackProcessLabel", Many::Last, no_counterpart, "", kNoModules},
    Rule{"RootDirectory", Many::Last, no_counterpart, "", kOwnRoot},
    Rule{"RootImage", Many::Last, no_counterpart, "", kOwnRoot},
    Rule{"MountImages", Many::List, no_counterpart, "", kOwnRoot},
    Rule{"ExtensionImages", Many::List, no_counterpart, "", kOwnRoot},
    Rule{"ExtensionDirectories", Many::List, no_counterpart, "", kOwnRoot},
    Rule{"MountAPIVFS", Many::Last, holds_when_on, "", "/proc, /sys and /dev are the guest's"},
};

} // namespace

std::span<const Rule> exec_rules() {
    return kExecRules;
}

} // namespace stead::importing
