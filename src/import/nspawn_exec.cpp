#include <algorithm>
#include <array>

#include "import/amounts.h"
#include "import/nspawn.h"
#include "import/specifiers.h"
#include "import/systemd_text.h"
#include "unitfile/names.h"
#include "unitfile/values.h"

/// [Exec]: what runs, as whom, and with which rights.
namespace stead::importing {

namespace {

using unitfile::text_node;

constexpr std::string_view kIsInit = "PID 1 is stead-init";

void boot(Guest& guest, const Given& given) {
    if (parse_boolean(given.value) == std::nullopt)
        return guest.refuse(given, "it is neither yes nor no");
    if (guest.jail) return guest.draft.explain(given.item, "a jail: the program is its one unit");
    guest.draft.approximate(given.item, "PID 1 is stead-init instead of the root's own init");
}

void parameters(Guest& guest, const Given& given) {
    const Words words = split_words(given.value);
    if (!words.problem.empty()) return guest.refuse(given, words.problem);
    if (!guest.jail) {
        if (!words.words.empty())
            guest.draft.leave_out(given.item, "stead-init takes no arguments of another init");
        return;
    }
    (void)put_command(guest, given.item, words.words);
}

void environment(Guest& guest, const Given& given) {
    const Words words = split_words(given.value);
    if (!words.problem.empty()) return guest.refuse(given, words.problem);
    for (const std::string& word : words.words) {
        const auto equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            guest.draft.leave_out(given.item, "'" + word + "' is no NAME=VALUE");
        } else {
            add_variable(guest, given.item, word.substr(0, equals), word.substr(equals + 1));
        }
    }
}

void user(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    if (!guest.jail)
        return guest.draft.leave_out(given.item, std::string(kIsInit) + ", and each unit has a "
                                                                        "user of its own");
    if (given.value == "root" || given.value == "0")
        return guest.draft.leave_out(given.item, "a jail's program is never root");
    if (!unitfile::parse_digits(given.value, 4'294'967'294U))
        return guest.draft.leave_out(given.item,
                                     "users of a jail are the host's: name one there, or an id");
    guest.draft.put(given.item, guest.of_unit("user"), text_node(std::string(given.value)));
    guest.draft.approximate(given.item, "the id is the host's");
}

void folder(Guest& guest, const Given& given) {
    if (!guest.jail)
        return guest.draft.leave_out(given.item, std::string(kIsInit) +
                                                     ", and each unit has a folder of its own");
    const std::string problem = unitfile::path_problem(given.value);
    if (!problem.empty()) return guest.refuse(given, "the path " + problem);
    guest.draft.put(given.item, guest.of_unit("working-directory"),
                    text_node(protect_variables(double_percents(given.value))));
}

/// Capability names behind blanks and commas.
std::vector<std::string> listed_names(std::string_view value) {
    std::string list(value);
    std::replace(list.begin(), list.end(), ',', ' ');
    return split_blanks(list);
}

void add_capability(Guest& guest, const Given& given, const std::string& word) {
    if (word == "SYS_ADMIN" && (guest.host_users || guest.jail))
        return guest.draft.approximate(
            given.item, "without SYS_ADMIN, which is root on the host where the ids are the "
                        "host's");
    guest.draft.append(given.item, "capabilities", text_node(word), "...");
}

void capability(Guest& guest, const Given& given) {
    for (const std::string& name : listed_names(given.value)) {
        const std::string word = capability_word(name);
        if (name == "all") {
            for (const std::string_view each : all_capabilities())
                add_capability(guest, given, std::string(each));
        } else if (word.empty()) {
            guest.draft.approximate(given.item, "there is no capability '" + name + "'");
        } else {
            add_capability(guest, given, word);
        }
    }
    if (guest.jail)
        guest.draft.approximate(given.item, "the program is no root: it has them only if they are "
                                            "its ambient-capabilities too");
}

void drop_capability(Guest& guest, const Given& given) {
    for (const std::string& name : listed_names(given.value)) {
        const std::string word = capability_word(name);
        if (name == "all") {
            guest.draft.put(given.item, "capabilities", unitfile::list_node({}));
        } else if (word.empty()) {
            guest.draft.approximate(given.item, "there is no capability '" + name + "'");
        } else {
            guest.draft.append(given.item, "capabilities", text_node("!" + word), "...");
        }
    }
}

void ambient(Guest& guest, const Given& given) {
    if (!guest.jail)
        return guest.draft.leave_out(given.item, "each unit names its ambient-capabilities");
    for (const std::string& name : listed_names(given.value)) {
        const std::string word = capability_word(name);
        if (word.empty() || word == "SYS_ADMIN") {
            guest.draft.approximate(given.item, "without '" + name + "'");
            continue;
        }
        guest.draft.append(given.item, "capabilities", text_node(word), "...");
        guest.draft.append(given.item, guest.of_unit("ambient-capabilities"), text_node(word));
    }
}

void kill_signal(Guest& guest, const Given& given) {
    const std::string word = signal_word(given.value);
    if (word.empty()) return guest.refuse(given, "there is no such signal");
    if (guest.jail)
        return guest.draft.put(given.item, guest.of_unit("stop.signal"), text_node(word));
    guest.draft.explain(given.item, "stead-init is asked over its socket; it knows the signals of "
                                    "systemd's init too");
}

void notify_ready(Guest& guest, const Given& given) {
    const auto value = guest.flag(given);
    if (!value) return;
    constexpr std::string_view kUp = "a guest is up once its units are";
    if (*value) return guest.draft.explain(given.item, kUp);
    guest.draft.approximate(given.item, kUp);
}

/// "yes", "no", "pick", "identity", "BASE", "BASE:COUNT".
void private_users(Guest& guest, const Given& given) {
    if (guest.jail) {
        if (parse_boolean(given.value) == false)
            return guest.draft.explain(given.item, "a jail's ids are the host's");
        return guest.draft.approximate(given.item,
                                       "a jail's ids are the host's; none of them is root");
    }
    const auto value = parse_boolean(given.value);
    const auto number = unitfile::parse_digits(given.value, UINT32_MAX);
    if (number && *number > 1) {
        guest.draft.put(given.item, "users", text_node(std::to_string(*number) + ":65536"));
    } else if (value == false) {
        guest.host_users = true;
        guest.draft.put(given.item, "users", text_node("host"));
    } else if (value || given.value == "pick" || given.value == "managed") {
        guest.draft.put(given.item, "users", text_node("private"));
        if (given.value == "yes")
            guest.draft.approximate(given.item, "the range is chosen, not read from the root's "
                                                "owner");
    } else if (given.value == "identity") {
        guest.draft.put(given.item, "users", text_node("private"));
        guest.draft.approximate(given.item, "a range of ids nobody else has, instead of the "
                                            "host's own ids");
    } else if (given.value.find(':') != std::string_view::npos) {
        guest.draft.put(given.item, "users", text_node(std::string(given.value)));
    } else {
        return guest.refuse(given, "it is no range of ids");
    }
    if (guest.draft.find("users")->text.find(':') != std::string::npos)
        guest.draft.approximate(given.item, "files of the root keep their ids from 0 on; shift "
                                            "back what systemd-nspawn has shifted");
}

void calls(Guest& guest, const Given& given) {
    std::string_view value = given.value;
    const bool inverted = value.starts_with('~');
    if (inverted) value.remove_prefix(1);
    for (const std::string& word : listed_names(value)) {
        const std::string name = word.substr(0, word.find(':'));
        if (guest.options.is_call && !guest.options.is_call(name)) {
            guest.draft.approximate(given.item, "there is no system call '" + name + "' here");
            continue;
        }
        guest.draft.append(given.item, "system-calls", text_node((inverted ? "!" : "") + name),
                           "...");
    }
}

void limit(Guest& guest, const Given& given) {
    std::string name(given.name.substr(std::string_view("Limit").size()));
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    guest_limit(guest, given, name, given.value);
}

void affinity(Guest& guest, const Given& given) {
    std::string list;
    for (const std::string& word : listed_names(given.value))
        list += (list.empty() ? "" : ",") + word;
    const auto level = unitfile::parse_level("cpuset-cpus", list, true);
    if (!level.value) return guest.refuse(given, level.problem);
    guest.draft.put(given.item, "limits.cpuset-cpus", text_node(list));
    guest.draft.explain(given.item, "nothing inside can leave these processors");
}

void resolv_conf(Guest& guest, const Given& given) {
    const std::string_view word = given.value;
    if (word == "off" || word == "delete") {
        guest.draft.put(given.item, "network.dns", text_node("none"));
        if (word == "delete") guest.draft.approximate(given.item, "the file is left as it is");
    } else if (word == "auto" || word.ends_with("-host") || word.ends_with("-uplink")) {
        guest.draft.explain(given.item, "the host's name servers");
    } else if (word.ends_with("-static") || word.ends_with("-stub")) {
        guest.draft.approximate(given.item, "the host's name servers, not systemd-resolved's");
    } else {
        guest.refuse(given, "there is no such word");
    }
}

void timezone(Guest& guest, const Given& given) {
    if (given.value == "off")
        return guest.draft.explain(given.item, "/etc/localtime is the root's");
    guest.draft.leave_out(given.item, "/etc/localtime is the root's own; change it there");
}

void link_journal(Guest& guest, const Given& given) {
    if (given.value == "no" || given.value == "auto" || given.value == "try-guest")
        return guest.draft.explain(given.item, "logs are the guest's: `stead logs`");
    guest.draft.approximate(given.item, "the log is not the journal's: `stead logs`");
}

void ephemeral(Guest& guest, const Given& given) {
    const auto value = guest.flag(given);
    if (value && *value) guest.draft.put(given.item, "ephemeral", unitfile::boolean_node(true));
}

constexpr std::string_view kExec = "Exec";

/// With or without the dashes of a UUID.
void machine_id(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    std::string id;
    for (const char c : given.value) {
        if (c == '-') continue;
        id += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (id.size() != 32 || id.find_first_not_of("0123456789abcdef") != std::string::npos)
        return guest.refuse(given, "it is no id of 32 hexadecimal digits");
    guest.draft.put(given.item, "machine-id", text_node(id));
}

constexpr std::array kRules{
    GuestRule{kExec, "Boot", Repeat::Last, boot},
    GuestRule{kExec, "PrivateUsers", Repeat::Last, private_users},
    GuestRule{kExec, "Parameters", Repeat::Last, parameters},
    GuestRule{kExec, "ProcessTwo", Repeat::Last, guest_holds, "",
              "PID 1 is stead-init in any case"},
    GuestRule{kExec, "Ephemeral", Repeat::Last, ephemeral},
    GuestRule{kExec, "Environment", Repeat::List, environment},
    GuestRule{kExec, "User", Repeat::Last, user},
    GuestRule{kExec, "WorkingDirectory", Repeat::Last, folder},
    GuestRule{kExec, "PivotRoot", Repeat::Last, guest_has_none, "",
              "the root is `root` itself; name the folder in it there"},
    GuestRule{kExec, "Capability", Repeat::List, capability},
    GuestRule{kExec, "AmbientCapability", Repeat::List, ambient},
    GuestRule{kExec, "DropCapability", Repeat::List, drop_capability},
    GuestRule{kExec, "NoNewPrivileges", Repeat::Last, guest_no_new_privileges},
    GuestRule{kExec, "KillSignal", Repeat::Last, kill_signal},
    GuestRule{kExec, "Personality", Repeat::Last, guest_has_none, "",
              "programs of other architectures are not run"},
    GuestRule{kExec, "MachineID", Repeat::Last, machine_id},
    GuestRule{kExec, "NotifyReady", Repeat::Last, notify_ready},
    GuestRule{kExec, "SystemCallFilter", Repeat::List, calls},
    GuestRule{kExec, "Limit*", Repeat::Last, limit},
    GuestRule{kExec, "OOMScoreAdjust", Repeat::Last, guest_oom_score},
    GuestRule{kExec, "CPUAffinity", Repeat::Last, affinity},
    GuestRule{kExec, "Hostname", Repeat::Last, guest_host_name},
    GuestRule{kExec, "ResolvConf", Repeat::Last, resolv_conf},
    GuestRule{kExec, "Timezone", Repeat::Last, timezone},
    GuestRule{kExec, "LinkJournal", Repeat::Last, link_journal},
    GuestRule{kExec, "SuppressSync", Repeat::Last, guest_has_none, "",
              "what is written is written; ephemeral = true keeps it in memory"},
};

} // namespace

std::span<const GuestRule> nspawn_exec_rules() {
    return kRules;
}

} // namespace stead::importing
