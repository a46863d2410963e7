#include <algorithm>
#include <array>

#include "import/amounts.h"
#include "import/lxc.h"
#include "import/specifiers.h"
#include "import/systemd_text.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// The keys of lxc.container.conf(5), one row each.
namespace stead::importing {

namespace {

using unitfile::text_node;

/// How programs call the machine this is built for; the first is uname's.
#if defined(__x86_64__)
constexpr std::array<std::string_view, 3> kMachine{"x86_64", "amd64", "linux64"};
#elif defined(__aarch64__)
constexpr std::array<std::string_view, 3> kMachine{"aarch64", "arm64", "linux64"};
#else
constexpr std::array<std::string_view, 1> kMachine{"linux64"};
#endif

void architecture(Guest& guest, const Given& given) {
    if (std::find(kMachine.begin(), kMachine.end(), given.value) != kMachine.end()) return;
    guest.draft.leave_out(given.item, "programs of other architectures are not run");
}

void capabilities_dropped(Guest& guest, const Given& given) {
    for (const std::string& name : split_blanks(given.value)) {
        const std::string word = capability_word(name);
        if (word.empty()) {
            guest.draft.approximate(given.item, "there is no capability '" + name + "'");
        } else {
            guest.draft.append(given.item, "capabilities", text_node("!" + word), "...");
        }
    }
}

/// A closed list; "none" alone is an empty one.
void capabilities_kept(Guest& guest, const Given& given) {
    for (const std::string& name : split_blanks(given.value)) {
        const std::string word = capability_word(name);
        if (name == "none") {
            guest.draft.put(given.item, "capabilities", unitfile::list_node({}));
        } else if (word.empty()) {
            guest.draft.approximate(given.item, "there is no capability '" + name + "'");
        } else if (word == "SYS_ADMIN" && (guest.jail || guest.host_users)) {
            guest.draft.approximate(given.item, "without SYS_ADMIN, which is root on the host "
                                                "where the ids are the host's");
        } else {
            guest.draft.append(given.item, "capabilities", text_node(word));
        }
    }
}

void init_command(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    if (!guest.jail)
        return guest.draft.approximate(given.item,
                                       "PID 1 is stead-init instead of the root's own init");
    if (guest.draft.find(guest.of_unit("command")) != nullptr)
        return guest.draft.leave_out(given.item, "lxc.init.cmd is what is started");
    const Words words = split_words(given.value);
    if (!words.problem.empty()) return guest.refuse(given, words.problem);
    (void)put_command(guest, given.item, words.words);
}

/// What only the program of a jail has: its user, group and folder.
void of_program(Guest& guest, const Given& given) {
    if (!guest.jail) {
        if (given.value.empty() || given.value == "0" || given.value == "/") return;
        return guest.draft.leave_out(given.item, "PID 1 is stead-init; each unit has its own");
    }
    if (given.name == "lxc.init.cwd") {
        const std::string problem = unitfile::path_problem(given.value);
        if (!problem.empty()) return guest.refuse(given, "the path " + problem);
        return guest.draft.put(given.item, guest.of_unit(given.key),
                               text_node(protect_variables(double_percents(given.value))));
    }
    if (!unitfile::parse_digits(given.value, 4'294'967'294U))
        return guest.refuse(given, "it is no id");
    if (given.value == "0")
        return guest.draft.leave_out(given.item, "a jail's program is never root");
    guest.draft.put(given.item, guest.of_unit(given.key), text_node(std::string(given.value)));
    guest.draft.approximate(given.item, "the id is the host's");
}

void environment(Guest& guest, const Given& given) {
    const auto equals = given.value.find('=');
    if (equals == std::string_view::npos)
        return guest.draft.leave_out(given.item, "variables of the host are not inherited; write "
                                                 "its value");
    if (equals == 0) return guest.refuse(given, "there is no name before the '='");
    add_variable(guest, given.item, std::string(given.value.substr(0, equals)),
                 given.value.substr(equals + 1));
}

/// Signals that stead-init takes for what the key means need no word.
void stop_signal(Guest& guest, const Given& given) {
    const std::string word = signal_word(given.value);
    if (word.empty()) return guest.refuse(given, "there is no such signal");
    if (guest.jail && given.name == "lxc.signal.halt")
        return guest.draft.put(given.item, guest.of_unit("stop.signal"), text_node(word));
    const auto usual = split_blanks(given.note);
    if (std::find(usual.begin(), usual.end(), word) != usual.end()) return;
    guest.draft.approximate(given.item,
                            "stead-init is asked over its socket; of signals it takes " +
                                std::string(given.note) + " for that");
}

void start_auto(Guest& guest, const Given& given) {
    const auto value = guest.flag(given);
    if (value) guest.draft.put(given.item, "enabled", unitfile::boolean_node(*value));
}

void start_order(Guest& guest, const Given& given) {
    guest.draft.approximate(given.item, "as `after`, of what is imported together");
}

void is_ephemeral(Guest& guest, const Given& given) {
    const auto value = guest.flag(given);
    if (!value || !*value) return;
    guest.draft.put(given.item, "ephemeral", unitfile::boolean_node(true));
    guest.draft.approximate(given.item, "what it writes goes to memory; the root stays");
}

void security_module(Guest& guest, const Given& given) {
    if (given.value.empty() || given.value == "unconfined" || given.value == "unchanged" ||
        given.value == "0" || given.value == "unconfined_t")
        return;
    guest.draft.leave_out(given.item, given.note);
}

void seccomp(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    if (given.value.ends_with("/common.seccomp"))
        return guest.draft.explain(given.item, "a guest's own filter refuses all of it, and more");
    guest.draft.leave_out(given.item, "calls are allowed by name: write what it refuses as "
                                      "\"!NAME\" into system-calls");
}

void hook(Guest& guest, const Given& given) {
    const Words words = split_words(given.value);
    if (!words.problem.empty()) return guest.refuse(given, words.problem);
    if (words.words.empty() || !words.words.front().starts_with('/'))
        return guest.refuse(given, "it is no absolute path");
    guest.draft.append(given.item, given.key, unitfile::list_node(words.words));
    guest.draft.approximate(given.item, given.note);
}

void limit(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    std::string text(given.value);
    constexpr std::string_view kUnlimited = "unlimited";
    for (auto at = text.find(kUnlimited); at != std::string::npos; at = text.find(kUnlimited, at))
        text.replace(at, kUnlimited.size(), "infinity");
    text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    guest_limit(guest, given, given.name.substr(std::string_view("lxc.prlimit.").size()), text);
}

void terminals(Guest& guest, const Given& given) {
    const auto number = unitfile::parse_digits(given.value, INT32_MAX);
    const auto level = unitfile::parse_level("pty-max", given.value);
    if (!number || !level.value) return guest.refuse(given, "it is no number of terminals");
    guest.draft.put(given.item, "limits.pty-max",
                    unitfile::integer_node(static_cast<std::int64_t>(*number)));
}

/// Judged behind the rules.
void together(Guest&, const Given&) {}

constexpr auto kLast = Repeat::Last;
constexpr auto kList = Repeat::List;

constexpr std::string_view kNoModule =
    "the boundary is namespaces, capabilities and system calls; there are no profiles of AppArmor "
    "or SELinux";
constexpr std::string_view kHook =
    "it gets STEAD_GUEST and no LXC_ variables, and runs outside of every namespace";
constexpr std::string_view kNoHook =
    "nothing of the host runs there; hooks.pre-start and hooks.post-start come nearest";
constexpr std::string_view kLog = "logs are the guest's: `stead logs`";
constexpr std::string_view kTerminals = "terminals are made when they are asked for";
constexpr std::string_view kGroups = "a guest's cgroup is named after it";
constexpr std::string_view kNamespaces =
    "every guest has namespaces of its own; only the network can be the host's";
constexpr std::string_view kClocks = "the clocks are the host's, or begin at zero: view.uptime";
constexpr std::string_view kOldNames =
    "the name is from before LXC 2.1: run lxc-update-config on the file first";

constexpr std::array kRules{
    GuestRule{"", "lxc.include", kList, guest_holds, "", "its lines follow"},
    GuestRule{"", "lxc.arch", kLast, architecture},
    GuestRule{"", "lxc.uts.name", kLast, guest_host_name},
    GuestRule{"", "lxc.idmap", kList, together},
    GuestRule{"", "lxc.rootfs.path", kLast, lxc_root},
    GuestRule{"", "lxc.rootfs.options", kLast, lxc_root_options},
    GuestRule{"", "lxc.rootfs.mount", kLast, guest_holds, "", "a root is not mounted elsewhere"},
    GuestRule{"", "lxc.rootfs.managed", kLast, guest_holds, "", "a root is never deleted"},
    GuestRule{"", "lxc.mount.entry", kList, lxc_mount_entry},
    GuestRule{"", "lxc.mount.fstab", kLast, guest_holds, "", "its lines follow"},
    GuestRule{"", "lxc.mount.auto", kList, lxc_mount_auto},
    GuestRule{"", "lxc.init.cmd", kLast, init_command},
    GuestRule{"", "lxc.execute.cmd", kLast, init_command},
    GuestRule{"", "lxc.init.uid", kLast, of_program, "user"},
    GuestRule{"", "lxc.init.gid", kLast, of_program, "group"},
    GuestRule{"", "lxc.init.cwd", kLast, of_program, "working-directory"},
    GuestRule{"", "lxc.environment", kList, environment},
    GuestRule{"", "lxc.cap.keep", kList, capabilities_kept},
    GuestRule{"", "lxc.cap.drop", kList, capabilities_dropped},
    GuestRule{"", "lxc.no_new_privs", kLast, guest_no_new_privileges},
    GuestRule{"", "lxc.signal.halt", kLast, stop_signal, "", "PWR TERM RTMIN+3 RTMIN+4"},
    GuestRule{"", "lxc.signal.reboot", kLast, stop_signal, "", "INT RTMIN+5"},
    GuestRule{"", "lxc.signal.stop", kLast, stop_signal, "", "KILL"},
    GuestRule{"", "lxc.start.auto", kLast, start_auto},
    GuestRule{"", "lxc.start.order", kLast, start_order},
    GuestRule{"", "lxc.start.delay", kLast, guest_has_none, "",
              "the next guest starts once this one is up, if it is named in its `after`"},
    GuestRule{"", "lxc.group", kList, guest_has_none, "", "guests have no groups"},
    GuestRule{"", "lxc.ephemeral", kLast, is_ephemeral},
    GuestRule{"", "lxc.cgroup2.devices.*", kList, lxc_devices},
    GuestRule{"", "lxc.cgroup.devices.*", kList, lxc_devices},
    GuestRule{"", "lxc.cgroup.dir*", kLast, guest_differs, "", kGroups},
    GuestRule{"", "lxc.cgroup.relative", kLast, guest_differs, "", kGroups},
    GuestRule{"", "lxc.cgroup2.*", kList, lxc_level},
    GuestRule{"", "lxc.cgroup.*", kLast, lxc_old_level},
    GuestRule{"", "lxc.prlimit.*", kLast, limit},
    GuestRule{"", "lxc.sysctl.*", kLast, lxc_sysctl},
    GuestRule{"", "lxc.proc.oom_score_adj", kLast, guest_oom_score},
    GuestRule{"", "lxc.proc.*", kLast, guest_has_none, "", "files of /proc/PID are not written"},
    GuestRule{"", "lxc.apparmor.*", kList, security_module, "", kNoModule},
    GuestRule{"", "lxc.selinux.*", kLast, security_module, "", kNoModule},
    GuestRule{"", "lxc.seccomp.profile", kLast, seccomp},
    GuestRule{"", "lxc.seccomp.*", kLast, guest_has_none, "",
              "system calls are not asked about; guests in guests have filters of their own"},
    GuestRule{"", "lxc.keyring.session", kLast, guest_holds, "",
              "a guest has no access to keyrings"},
    GuestRule{"", "lxc.sched.core", kLast, guest_has_none, "",
              "cores are not kept apart; cpuset-cpus-partition gives whole ones"},
    GuestRule{"", "lxc.hook.version", kLast, guest_holds, "", "hooks get STEAD_ variables"},
    GuestRule{"", "lxc.hook.pre-start", kList, hook, "hooks.pre-start", kHook},
    GuestRule{"", "lxc.hook.start-host", kList, hook, "hooks.post-start", kHook},
    GuestRule{"", "lxc.hook.post-stop", kList, hook, "hooks.post-stop", kHook},
    GuestRule{"", "lxc.hook.clone", kList, guest_differs, "", "`stead clone` asks no program"},
    GuestRule{"", "lxc.hook.destroy", kList, guest_differs, "", "`stead delete` asks no program"},
    GuestRule{"", "lxc.hook.*", kList, guest_has_none, "", kNoHook},
    GuestRule{"", "lxc.tty.*", kLast, guest_holds, "", kTerminals},
    GuestRule{"", "lxc.pty.max", kLast, terminals},
    GuestRule{"", "lxc.console.*", kLast, guest_differs, "", kLog},
    GuestRule{"", "lxc.log.*", kLast, guest_differs, "", kLog},
    GuestRule{"", "lxc.autodev*", kLast, guest_holds, "", "/dev is always the guest's own"},
    GuestRule{"", "lxc.monitor.*", kLast, guest_holds, "", "no monitor waits beside the guest"},
    GuestRule{"", "lxc.namespace.*", kLast, guest_has_none, "", kNamespaces},
    GuestRule{"", "lxc.time.offset.*", kLast, guest_has_none, "", kClocks},
    GuestRule{"", "lxc.net.*", kList, together},
    GuestRule{"", "lxc.rootfs", kLast, guest_has_none, "", kOldNames},
    GuestRule{"", "lxc.utsname", kLast, guest_has_none, "", kOldNames},
    GuestRule{"", "lxc.network.*", kList, guest_has_none, "", kOldNames},
    GuestRule{"", "lxc.id_map", kList, guest_has_none, "", kOldNames},
    GuestRule{"", "lxc.mount", kLast, guest_has_none, "", kOldNames},
    GuestRule{"", "lxc.aa_profile", kLast, guest_has_none, "", kOldNames},
};

} // namespace

std::span<const GuestRule> lxc_rules() {
    return kRules;
}

} // namespace stead::importing
