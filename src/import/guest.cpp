#include "import/guest.h"

#include <algorithm>
#include <array>
#include <utility>

#include "import/amounts.h"
#include "import/specifiers.h"
#include "import/systemd_text.h"
#include "unitfile/reader.h"
#include "unitfile/values.h"
#include "unitfile/writer.h"

namespace stead::importing {

namespace {

using unitfile::text_node;

constexpr std::array<std::string_view, 41> kCapabilities{"CHOWN",
                                                         "DAC_OVERRIDE",
                                                         "DAC_READ_SEARCH",
                                                         "FOWNER",
                                                         "FSETID",
                                                         "KILL",
                                                         "SETGID",
                                                         "SETUID",
                                                         "SETPCAP",
                                                         "LINUX_IMMUTABLE",
                                                         "NET_BIND_SERVICE",
                                                         "NET_BROADCAST",
                                                         "NET_ADMIN",
                                                         "NET_RAW",
                                                         "IPC_LOCK",
                                                         "IPC_OWNER",
                                                         "SYS_MODULE",
                                                         "SYS_RAWIO",
                                                         "SYS_CHROOT",
                                                         "SYS_PTRACE",
                                                         "SYS_PACCT",
                                                         "SYS_ADMIN",
                                                         "SYS_BOOT",
                                                         "SYS_NICE",
                                                         "SYS_RESOURCE",
                                                         "SYS_TIME",
                                                         "SYS_TTY_CONFIG",
                                                         "MKNOD",
                                                         "LEASE",
                                                         "AUDIT_WRITE",
                                                         "AUDIT_CONTROL",
                                                         "SETFCAP",
                                                         "MAC_OVERRIDE",
                                                         "MAC_ADMIN",
                                                         "SYSLOG",
                                                         "WAKE_ALARM",
                                                         "BLOCK_SUSPEND",
                                                         "AUDIT_READ",
                                                         "PERFMON",
                                                         "BPF",
                                                         "CHECKPOINT_RESTORE"};

bool is_for(const GuestRule& rule, const ConfigLine& setting) {
    if (!rule.section.empty() && rule.section != setting.section) return false;
    if (!rule.name.ends_with('*')) return rule.name == setting.name;
    return std::string_view(setting.name).starts_with(rule.name.substr(0, rule.name.size() - 1));
}

class Runner {
public:
    Runner(Guest& guest, std::span<const GuestRule> rules, const std::vector<ConfigLine>& settings)
        : guest_(guest)
        , rules_(rules)
        , settings_(settings)
        , rule_of_(settings.size(), nullptr) {}

    void run(std::string_view unknown) {
        for (const ConfigLine& setting : settings_)
            items_.push_back(guest_.draft.add({setting.origin,
                                               setting.section,
                                               setting.name,
                                               setting.value,
                                               Mapping::Exact,
                                               {},
                                               {}}));
        for (std::size_t i = 0; i < settings_.size(); ++i)
            find_rule(i, unknown);
        drop_replaced();
        // In the order of the table: some rules build on others.
        for (const GuestRule& rule : rules_) {
            for (std::size_t i = 0; i < settings_.size(); ++i) {
                if (rule_of_[i] != &rule) continue;
                const ConfigLine& setting = settings_[i];
                rule.apply(guest_, {items_[i], setting.section, setting.name, setting.value,
                                    rule.key, rule.note});
            }
        }
    }

private:
    void find_rule(std::size_t at, std::string_view unknown) {
        const ConfigLine& setting = settings_[at];
        if (!setting.problem.empty()) return guest_.draft.leave_out(items_[at], setting.problem);
        for (const GuestRule& rule : rules_) {
            if (!is_for(rule, setting)) continue;
            rule_of_[at] = &rule;
            return;
        }
        guest_.draft.leave_out(items_[at], unknown);
    }

    /// A later line takes the place of earlier ones; an empty one forgets them.
    void drop_replaced() {
        std::map<std::pair<std::string, std::string>, bool> seen;
        for (std::size_t i = settings_.size(); i-- > 0;) {
            const GuestRule* const rule = rule_of_[i];
            if (rule == nullptr) continue;
            const ConfigLine& setting = settings_[i];
            bool& closed = seen[{setting.section, setting.name}];
            const bool empty = setting.value.empty();
            if (closed) {
                guest_.draft.explain(items_[i], "a later line replaces it");
                rule_of_[i] = nullptr;
            } else if (empty && rule->repeat == Repeat::List) {
                guest_.draft.explain(items_[i], "what stands above it is forgotten");
                rule_of_[i] = nullptr;
            }
            closed = closed || rule->repeat == Repeat::Last || empty;
        }
    }

    Guest& guest_;
    std::span<const GuestRule> rules_;
    const std::vector<ConfigLine>& settings_;
    std::vector<const GuestRule*> rule_of_;
    std::vector<std::size_t> items_;
};

} // namespace

std::string Guest::of_unit(std::string_view key) const {
    return "unit." + unit + "." + std::string(key);
}

void Guest::refuse(const Given& given, std::string_view problem) {
    draft.leave_out(given.item, "not understood: " + std::string(problem));
}

std::optional<bool> Guest::flag(const Given& given) {
    const auto value = parse_boolean(given.value);
    if (!value) refuse(given, "it is neither yes nor no");
    return value;
}

void apply_rules(Guest& guest,
                 std::span<const GuestRule> rules,
                 const std::vector<ConfigLine>& settings,
                 std::string_view unknown) {
    Runner(guest, rules, settings).run(unknown);
}

std::optional<std::string> last_value(const std::vector<ConfigLine>& settings,
                                      std::string_view section,
                                      std::string_view name) {
    std::optional<std::string> value;
    for (const ConfigLine& setting : settings) {
        if (setting.problem.empty() && setting.section == section && setting.name == name)
            value = setting.value;
    }
    return value;
}

void guest_holds(Guest& guest, const Given& given) {
    guest.draft.explain(given.item, given.note);
}

void guest_differs(Guest& guest, const Given& given) {
    guest.draft.approximate(given.item, given.note);
}

void guest_has_none(Guest& guest, const Given& given) {
    if (given.value.empty() || parse_boolean(given.value) == false) return;
    guest.draft.leave_out(given.item, given.note);
}

void guest_host_name(Guest& guest, const Given& given) {
    if (given.value.empty()) return;
    guest.draft.put(given.item, "hostname", text_node(std::string(given.value)));
}

void guest_limit(Guest& guest, const Given& given, std::string_view name, std::string_view text) {
    if (!unitfile::find_rlimit(name)) return guest.refuse(given, "there is no such limit");
    const Amount amount = resource_limit(name, text);
    if (!amount.text) return guest.refuse(given, amount.problem);
    const auto parsed = unitfile::parse_rlimit(name, *amount.text);
    if (!parsed.value) return guest.refuse(given, parsed.problem);
    const std::string key = "limits." + std::string(name);
    const bool zero = amount.is_zero && text.find(':') == std::string_view::npos;
    if (const auto number = unitfile::parse_digits(zero ? "0" : *amount.text, INT64_MAX)) {
        guest.draft.put(given.item, key,
                        unitfile::integer_node(static_cast<std::int64_t>(*number)));
    } else {
        guest.draft.put(given.item, key, text_node(*amount.text));
    }
}

void guest_oom_score(Guest& guest, const Given& given) {
    const bool negative = given.value.starts_with('-');
    const auto number = unitfile::parse_digits(given.value.substr(negative ? 1 : 0), 1000);
    if (!number) return guest.refuse(given, "it is no number from -1000 to 1000");
    const auto score = static_cast<std::int64_t>(*number);
    guest.draft.put(given.item, "limits.oom-score-adjust",
                    unitfile::integer_node(negative ? -score : score));
}

void guest_no_new_privileges(Guest& guest, const Given& given) {
    const auto value = guest.flag(given);
    if (!value) return;
    if (guest.jail) {
        if (*value) return guest.draft.explain(given.item, "so it is in every jail");
        return guest.draft.approximate(given.item, "in a jail nothing gains new privileges");
    }
    if (*value)
        guest.draft.leave_out(given.item,
                              "each unit decides: write no-new-privileges = true in its file");
}

void add_variable(Guest& guest, std::size_t item, const std::string& name, std::string_view value) {
    if (guest.jail) {
        guest.draft.member(item, guest.of_unit("environment"), name,
                           text_node(protect_variables(double_percents(value))));
        return;
    }
    guest.draft.member(item, "environment", name, text_node(std::string(value)));
    guest.draft.explain(item, "units get it by environment-inherit");
}

bool put_command(Guest& guest, std::size_t item, const std::vector<std::string>& words) {
    const bool relative = !words.empty() && !words.front().starts_with('/') &&
                          words.front().find('/') != std::string::npos;
    if (words.empty() || words.front().empty() || relative) {
        guest.draft.leave_out(item, relative ? "the program's path is relative"
                                             : "not understood: no program is named");
        return false;
    }
    std::vector<std::string> arguments;
    arguments.reserve(words.size());
    for (const std::string& word : words)
        arguments.push_back(protect_variables(double_percents(word)));
    guest.draft.put(item, guest.of_unit("command"), unitfile::list_node(arguments));
    return true;
}

Import finish_guest(Guest& guest) {
    Draft& draft = guest.draft;
    Import import;
    if (guest.jail) {
        draft.supply("profile", text_node("jail"), "One program without an init.");
        draft.remark("The program of a jail is never root and has no capabilities of its own: it "
                     "runs as a user that nobody else has, or the one that is named.");
    } else {
        draft.remark("PID 1 is stead-init, which starts unit files, not the units of the root's "
                     "own init: `stead import` makes such files of those too, for "
                     "/etc/stead/units in the root.");
    }
    ImportedUnit unit = draft.finish(guest.options);
    unitfile::Diagnostics left;
    (void)unitfile::read_guest(unit.text, unit.name + ".toml", unit.name, left);
    if (left.has_errors()) {
        import.skipped.push_back({unit.source, left.all().front().message, false});
    } else {
        import.units.push_back(std::move(unit));
    }
    return import;
}

std::string capability_word(std::string_view text) {
    std::string word(text);
    for (char& c : word)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (word.starts_with("CAP_")) word.erase(0, 4);
    const bool known =
        std::find(kCapabilities.begin(), kCapabilities.end(), word) != kCapabilities.end();
    return known ? word : std::string();
}

std::span<const std::string_view> all_capabilities() {
    return kCapabilities;
}

} // namespace stead::importing
