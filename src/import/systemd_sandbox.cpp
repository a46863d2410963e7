#include <algorithm>
#include <array>

#include "import/rules.h"

/// What takes rights away (systemd.exec(5), "Sandboxing").
namespace stead::importing {

namespace {

std::string without_prefix(std::string_view name, std::string_view prefix) {
    return std::string(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
}

/// "CAP_NET_RAW CAP_CHOWN", "~CAP_SYS_ADMIN"; an empty list stands for no capability.
void capabilities(Job& job, const Line& line) {
    std::string_view value = line.value;
    const bool inverted = value.starts_with('~');
    if (inverted) value.remove_prefix(1);
    const auto words = split_blanks(value);
    if (words.empty()) {
        if (inverted) return;
        return job.draft.put(line.item, line.key, unitfile::list_node({}));
    }
    for (const std::string& word : words) {
        const std::string name = without_prefix(word, "CAP_");
        // A second line adds to the first, whichever of the two forms it has.
        const bool fresh = job.draft.find(line.key) == nullptr;
        job.draft.append(line.item, line.key, unitfile::text_node((inverted ? "!" : "") + name),
                         fresh && inverted ? "..." : "");
    }
}

/// True if the list was written without "...": it has nothing but what it names.
bool is_closed(const Node* list, std::string_view name) {
    if (list == nullptr) return false;
    for (const Node& item : list->items)
        if (item.text == "..." || item.text == name) return false;
    return true;
}

void take_capability(Job& job, const Line& line, const char* name) {
    if (is_closed(job.draft.find("capabilities"), name))
        return job.draft.explain(line.item, "CapabilityBoundingSet= leaves it out anyway");
    job.draft.append(line.item, "capabilities", unitfile::text_node(std::string("!") + name),
                     "...");
}

void take_calls(Job& job, const Line& line, const char* name) {
    job.draft.append(line.item, "system-calls", unitfile::text_node(std::string("!") + name),
                     "...");
}

bool is_on(Job& job, const Line& line) {
    const auto value = job.flag(line);
    return value && *value;
}

void protect_clock(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    take_capability(job, line, "SYS_TIME");
    take_capability(job, line, "WAKE_ALARM");
    take_calls(job, line, "@clock");
}

void protect_modules(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    take_capability(job, line, "SYS_MODULE");
    take_calls(job, line, "@module");
}

void protect_logs(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    take_capability(job, line, "SYSLOG");
    take_calls(job, line, "syslog");
}

void lock_personality(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    take_calls(job, line, "personality");
    job.draft.approximate(line.item, "asking for the personality is refused too");
}

void restrict_realtime(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    take_capability(job, line, "SYS_NICE");
    job.draft.put(line.item, "limits.rtprio", unitfile::integer_node(0));
    job.draft.approximate(line.item, "with SYS_NICE, nice values cannot be lowered either");
}

void restrict_namespaces(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (line.value.empty() || (value && !*value)) return;
    take_calls(job, line, "@namespaces");
    if (!value)
        job.draft.approximate(line.item, "no kind of namespace is left, not only those named");
}

void restrict_suid(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    job.draft.put(line.item, "no-new-privileges", unitfile::boolean_node(true));
    job.draft.approximate(line.item,
                          "set-user-ID files may be made, but give the unit's processes nothing");
}

void memory_deny(Job& job, const Line& line) {
    if (is_on(job, line)) job.draft.put(line.item, line.key, unitfile::boolean_node(false));
}

void protect_system(Job& job, const Line& line) {
    std::string word(line.value);
    if (const auto value = parse_boolean(line.value)) word = *value ? "yes" : "no";
    if (word != "yes" && word != "no" && word != "full" && word != "strict")
        return job.refuse(line, "there is no such word");
    if (word == "no") return;
    // ReadOnlyPaths=/ says more.
    const Node* const before = job.draft.find(line.key);
    if (before != nullptr && before->text == "strict") return job.draft.share(line.item, line.key);
    job.draft.put(line.item, line.key, unitfile::text_node(word));
}

void protect_home(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (value && !*value) return;
    const bool readable = line.value == "read-only";
    if (!value && !readable && line.value != "tmpfs")
        return job.refuse(line, "there is no such word");
    const std::string_view key = readable ? "files.read-only" : "files.hidden";
    for (const char* path : {"-/home", "-/root", "-/run/user"})
        job.draft.append(line.item, key, unitfile::text_node(path));
    if (line.value == "tmpfs") job.draft.approximate(line.item, "nothing can be written there");
}

void protect_tunables(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    for (const char* path : {"-/proc/sys", "-/sys"})
        job.draft.append(line.item, "files.read-only", unitfile::text_node(path));
    job.draft.explain(line.item, "what else is protected, no guest can write anyway");
}

void protect_cgroups(Job& job, const Line& line) {
    if (is_on(job, line))
        job.draft.append(line.item, "files.read-only", unitfile::text_node("-/sys/fs/cgroup"));
}

/// "/" in a list of paths: [files] has no word for it but one.
void whole_root(Job& job, const Line& line) {
    if (line.key == "files.read-only") {
        job.draft.put(line.item, "files.protect-system", unitfile::text_node("strict"));
        return job.draft.approximate(line.item, "but /dev and /proc");
    }
    if (line.key == "files.read-write")
        return job.draft.explain(line.item, "what nothing else makes read-only can be written");
    job.draft.leave_out(line.item, "the root itself is not hidden");
}

/// Paths may be missing ('-') and are below the unit's root ('+'), which is the guest's here.
void paths(Job& job, const Line& line) {
    const auto words = job.words(line);
    if (!words) return;
    for (const std::string& word : *words) {
        std::string_view path = word;
        bool optional = false;
        while (path.starts_with('-') || path.starts_with('+')) {
            optional = optional || path.front() == '-';
            path.remove_prefix(1);
        }
        while (path.size() > 1 && path.ends_with('/'))
            path.remove_suffix(1);
        auto text = job.text(line, path, line.key);
        if (!text) continue;
        if (*text == "/") {
            whole_root(job, line);
            continue;
        }
        // The old name is a symbolic link, and what is made writable follows none.
        if (text->starts_with("/var/run/")) text->erase(0, std::string_view("/var").size());
        job.draft.append(line.item, line.key, unitfile::text_node((optional ? "-" : "") + *text));
    }
    if (!line.note.empty()) job.draft.approximate(line.item, line.note);
}

void temporary(Job& job, const Line& line) {
    const auto words = job.words(line);
    if (!words) return;
    for (const std::string& word : *words) {
        const auto text = job.text(line, word.substr(0, word.find(':')), line.key);
        if (text && *text == "/") return whole_root(job, line);
        if (text) job.draft.append(line.item, line.key, unitfile::text_node(*text));
    }
    job.draft.approximate(line.item, "what is there is hidden, but nothing can be written");
}

void private_flag(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (value && !*value) return;
    if (!value && line.value != "disconnected") return job.refuse(line, "there is no such word");
    job.draft.put(line.item, line.key, unitfile::boolean_node(true));
}

void private_devices(Job& job, const Line& line) {
    if (!is_on(job, line)) return;
    if (job.facts.takes_syslog) {
        job.draft.leave_out(line.item,
                            "it makes the /dev/log that others write to, so /dev is the guest's");
    } else {
        job.draft.put(line.item, line.key, unitfile::boolean_node(true));
    }
    take_capability(job, line, "MKNOD");
    take_capability(job, line, "SYS_RAWIO");
    take_calls(job, line, "@raw-io");
}

/// The note is the namespace's name.
void own_namespace(Job& job, const Line& line) {
    const auto value = parse_boolean(line.value);
    if (value && !*value) return;
    job.draft.append(line.item, line.key, unitfile::text_node(std::string(line.note)));
}

void address_families(Job& job, const Line& line) {
    std::string_view value = line.value;
    if (value == "none") {
        return job.draft.put(line.item, line.key, unitfile::list_node({}));
    }
    const bool inverted = value.starts_with('~');
    if (inverted) value.remove_prefix(1);
    for (const std::string& word : split_blanks(value)) {
        const bool fresh = job.draft.find(line.key) == nullptr;
        job.draft.append(line.item, line.key, unitfile::text_node((inverted ? "!" : "") + word),
                         fresh && inverted ? "..." : "");
    }
}

/// Groups that systemd's @system-service does not have.
constexpr std::array<const char*, 11> kBeyondService{
    "@clock",    "@cpu-emulation", "@debug",  "@module", "@mount",   "@namespaces",
    "@obsolete", "@raw-io",        "@reboot", "@swap",   "@io-uring"};

void take_call(Job& job, const Line& line, std::string word, bool inverted) {
    const auto colon = word.find(':');
    if (colon != std::string::npos) {
        job.draft.approximate(line.item, "every refused call answers in the same way");
        word.resize(colon);
    }
    if (!inverted && word == "@system-service") {
        for (const char* group : kBeyondService)
            take_calls(job, line, group);
        return job.draft.approximate(
            line.item,
            "the guest's own list without the groups that @system-service does not have");
    }
    if (inverted && word == "@privileged") {
        for (const char* group :
             {"@chown", "@clock", "@module", "@raw-io", "@reboot", "@swap", "@setuid", "chroot",
              "acct", "bpf", "capset", "quotactl", "setdomainname", "sethostname"})
            take_calls(job, line, group);
        return;
    }
    // Ours has the calls in it that only read, without which few programs start.
    if (inverted && word == "@resources") {
        for (const char* call : {"ioprio_set", "mbind", "migrate_pages", "move_pages", "nice",
                                 "sched_setaffinity", "sched_setattr", "sched_setparam",
                                 "sched_setscheduler", "set_mempolicy", "setpriority", "setrlimit"})
            take_calls(job, line, call);
        return;
    }
    const bool fresh = job.draft.find(line.key) == nullptr;
    job.draft.append(line.item, line.key, unitfile::text_node((inverted ? "!" : "") + word),
                     fresh && inverted ? "..." : "");
}

void call_filter(Job& job, const Line& line) {
    std::string_view value = line.value;
    const bool inverted = value.starts_with('~');
    if (inverted) value.remove_prefix(1);
    const auto words = split_blanks(value);
    if (words.empty()) return;
    job.facts.filters_calls = true;
    for (const std::string& word : words)
        take_call(job, line, word, inverted);
}

void call_error(Job& job, const Line& line) {
    if (line.value.empty()) return;
    job.facts.names_call_error = true;
    job.draft.put(line.item, line.key, unitfile::text_node(std::string(line.value)));
}

void call_architectures(Job& job, const Line& line) {
    if (line.value == "native" || line.value.empty())
        return job.draft.explain(line.item, "a guest's default: the native one alone");
    job.draft.leave_out(line.item, "architectures are the guest's, in its own file");
}

constexpr std::string_view kBinds = "binds are the guest's, in its own file";
constexpr std::string_view kHidepid = "hiding others' processes is the guest's: hidepid = true";

constexpr std::array kSandboxRules{
    Rule{"CapabilityBoundingSet", Many::List, capabilities, "capabilities"},
    Rule{"AmbientCapabilities", Many::List, capabilities, "ambient-capabilities"},
    Rule{"SystemCallFilter", Many::List, call_filter, "system-calls"},
    Rule{"SystemCallErrorNumber", Many::Last, call_error, "system-call-error"},
    Rule{"SystemCallArchitectures", Many::List, call_architectures},
    Rule{"SystemCallLog", Many::List, no_counterpart, "",
         "calls are not logged while they are allowed"},
    Rule{"NoNewPrivileges", Many::Last, put_flag, "no-new-privileges"},
    Rule{"SecureBits", Many::List, no_counterpart, "", "secure bits are not set"},
    Rule{"ProtectSystem", Many::Last, protect_system, "files.protect-system"},
    Rule{"ProtectHome", Many::Last, protect_home, "files.hidden"},
    Rule{"ProtectClock", Many::Last, protect_clock},
    Rule{"ProtectKernelModules", Many::Last, protect_modules},
    Rule{"ProtectKernelLogs", Many::Last, protect_logs},
    Rule{"ProtectKernelTunables", Many::Last, protect_tunables},
    Rule{"ProtectControlGroups", Many::Last, protect_cgroups},
    Rule{"ProtectHostname", Many::Last, own_namespace, "namespaces", "uts"},
    Rule{"ProtectProc", Many::Last, differs, "", kHidepid},
    Rule{"ProcSubset", Many::Last, differs, "",
         "/proc is the guest's, masked where it tells about the host"},
    Rule{"ReadWritePaths", Many::List, paths, "files.read-write"},
    Rule{"ReadOnlyPaths", Many::List, paths, "files.read-only"},
    Rule{"InaccessiblePaths", Many::List, paths, "files.hidden"},
    Rule{"ReadWriteDirectories", Many::List, paths, "files.read-write"},
    Rule{"ReadOnlyDirectories", Many::List, paths, "files.read-only"},
    Rule{"InaccessibleDirectories", Many::List, paths, "files.hidden"},
    Rule{"TemporaryFileSystem", Many::List, temporary, "files.hidden"},
    Rule{"ExecPaths", Many::List, no_counterpart, "", "programs are not allowed path by path"},
    Rule{"NoExecPaths", Many::List, no_counterpart, "", "programs are not refused path by path"},
    Rule{"BindPaths", Many::List, no_counterpart, "", kBinds},
    Rule{"BindReadOnlyPaths", Many::List, no_counterpart, "", kBinds},
    Rule{"PrivateTmp", Many::Last, private_flag, "files.private-tmp"},
    Rule{"PrivateDevices", Many::Last, private_devices, "files.private-devices"},
    Rule{"PrivateNetwork", Many::Last, own_namespace, "namespaces", "net"},
    Rule{"PrivateIPC", Many::Last, own_namespace, "namespaces", "ipc"},
    Rule{"PrivateMounts", Many::Last, own_namespace, "namespaces", "mount"},
    Rule{"PrivatePIDs", Many::Last, own_namespace, "namespaces", "pid"},
    Rule{"MountFlags", Many::Last, own_namespace, "namespaces", "mount"},
    Rule{"PrivateUsers", Many::Last, no_counterpart, "",
         "users are the guest's: users = \"private\""},
    Rule{"NetworkNamespacePath", Many::Last, no_counterpart, "", "networks are the guest's"},
    Rule{"IPCNamespacePath", Many::Last, no_counterpart, "", "namespaces are not joined by path"},
    Rule{"MemoryDenyWriteExecute", Many::Last, memory_deny, "write-execute"},
    Rule{"LockPersonality", Many::Last, lock_personality},
    Rule{"RestrictRealtime", Many::Last, restrict_realtime},
    Rule{"RestrictNamespaces", Many::Last, restrict_namespaces},
    Rule{"RestrictSUIDSGID", Many::Last, restrict_suid},
    Rule{"RestrictAddressFamilies", Many::List, address_families, "address-families"},
    Rule{"RestrictFileSystems", Many::List, no_counterpart, "",
         "kinds of file systems are not told apart"},
    Rule{"RestrictNetworkInterfaces", Many::List, no_counterpart, "", "networks are the guest's"},
    Rule{"RemoveIPC", Many::Last, differs, "", "IPC objects go at the guest's end"},
};

} // namespace

std::span<const Rule> sandbox_rules() {
    return kSandboxRules;
}

} // namespace stead::importing
