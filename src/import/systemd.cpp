#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "import/rules.h"
#include "unitfile/names.h"

/// Systemd's units as one set: each file through the rules, sockets and timers into the unit that
/// they start.
namespace stead::importing {

namespace {

constexpr std::string_view kRefused =
    "path mount automount swap slice scope device snapshot busname";

/// Why units of this kind are not imported.
std::string kind_problem(std::string_view suffix) {
    if (suffix == "path") return "a path unit: paths are not watched";
    if (suffix == "mount" || suffix == "automount" || suffix == "swap")
        return "a " + std::string(suffix) + " unit: mounts are the guest's, in its own file";
    if (suffix == "slice" || suffix == "scope")
        return "a " + std::string(suffix) + ": every unit has a cgroup below its guest's";
    if (kRefused.find(suffix) != std::string_view::npos)
        return "units of this kind have no counterpart";
    return "no unit of systemd's";
}

/// One unit of Stead's while its parts come together.
struct Part {
    UnitNames names;
    std::unique_ptr<Draft> draft;
    Facts facts;
    /// A service or target has been read; else sockets and timers wait for one.
    bool has_service = false;
    bool has_socket = false;
    bool has_timer = false;
    bool service_enabled = false;
};

class Importer {
public:
    explicit Importer(const Options& options)
        : options_(options) {}

    Import make(const std::vector<SystemdUnit>& units) {
        // Services first: what belongs to them comes into what is there.
        for (const bool services : {true, false}) {
            for (const SystemdUnit& unit : units) {
                const UnitNames names = names_of(unit.name);
                const bool is_service = names.suffix == "service" || names.suffix == "target";
                if (is_service == services) take(unit, names);
            }
        }
        pull_in();
        finish();
        return std::move(result_);
    }

private:
    void skip(const SystemdUnit& unit, std::string reason, bool harmless) {
        result_.skipped.push_back({unit.name, std::move(reason), harmless});
    }

    void take(const SystemdUnit& unit, UnitNames names) {
        const bool usable = names.suffix == "service" || names.suffix == "target" ||
                            names.suffix == "socket" || names.suffix == "timer";
        if (!usable) return skip(unit, kind_problem(names.suffix), true);
        if (unit.sources.empty() || trimmed(unit.sources.front().text).empty())
            return skip(unit, "it is masked: the file is empty", true);
        names.path = unit.sources.front().path;
        if (unit.instances.size() == 1) names.only_instance = unit.instances.front();
        if (names.suffix == "target") names.stem = names.full;
        const auto lines = parse_systemd(unit.sources);
        if (names.suffix == "socket" || names.suffix == "timer")
            names.stem = started_by(names, lines);
        if (const auto problem = unitfile::unit_name_problem(names.stem); !problem.empty())
            return skip(unit, "its name " + problem, false);
        Part& part = part_of(names, unit);
        if (names.suffix == "service" || names.suffix == "target") {
            if (part.has_service) return skip(unit, "there is a unit of this name already", false);
            part.has_service = true;
        }
        apply(part, names, lines, unit.enabled);
        for (const std::string& alias : unit.aliases) {
            const Node* const known = part.draft->find("alias");
            Node list = known == nullptr ? unitfile::list_node({}) : *known;
            const std::string stem = names_of(alias).stem;
            const bool there = std::any_of(list.items.begin(), list.items.end(),
                                           [&](const Node& item) { return item.text == stem; });
            if (!there) list.items.push_back(unitfile::text_node(stem));
            part.draft->supply("alias", std::move(list), "The name of a link to the file.");
        }
        for (const std::string& instance : unit.instances) {
            const Node* const known = part.draft->find("instances");
            Node list = known == nullptr ? unitfile::list_node({}) : *known;
            list.items.push_back(unitfile::text_node(instance));
            part.draft->supply("instances", std::move(list), "Asked for by name.");
        }
    }

    Part& part_of(const UnitNames& names, const SystemdUnit& unit) {
        Part& part = parts_[names.stem];
        if (!part.draft) {
            part.names = names;
            part.draft = std::make_unique<Draft>(names.stem, unit.name);
        }
        return part;
    }

    using Tables = std::vector<std::span<const Rule>>;

    static Tables tables_of(const std::string& section) {
        if (section == "Unit") return {unit_rules(), condition_rules()};
        if (section == "Install") return {install_rules()};
        if (section == "Service")
            return {service_rules(), exec_rules(), sandbox_rules(), resource_rules()};
        if (section == "Socket") return {socket_rules()};
        if (section == "Timer") return {timer_rules()};
        return {};
    }

    void apply(Part& part,
               const UnitNames& names,
               const std::vector<Assignment>& lines,
               std::optional<bool> enabled) {
        if (names.suffix == "socket") {
            part.has_socket = true;
            part.facts.socket_name = socket_name(names, lines);
        }
        if (names.suffix == "timer") part.has_timer = true;
        const bool enabled_before = std::exchange(part.facts.enabled, false);
        Job job{*part.draft, names, part.facts, options_};
        std::vector<std::size_t> items;
        items.reserve(lines.size());
        for (const Assignment& line : lines)
            items.push_back(take_down(*part.draft, names, line));
        for (const std::string_view section : {"Unit", "Install", "Service", "Socket", "Timer"}) {
            // What links say counts, not what they could say.
            if (enabled && section == "Install") continue;
            for (const std::span<const Rule> rules : tables_of(std::string(section)))
                for (const Rule& rule : rules)
                    run(job, rule, section, lines, items);
        }
        if (enabled) part.facts.enabled = *enabled;
        if (names.suffix == "service" || names.suffix == "target")
            part.service_enabled = part.facts.enabled;
        part.facts.enabled = part.facts.enabled || enabled_before;
    }

    static std::string socket_name(const UnitNames& names, const std::vector<Assignment>& lines) {
        for (const Assignment& line : lines) {
            if (line.section == "Socket" && line.name == "FileDescriptorName" &&
                !line.value.empty() && line.value.find_first_of(".%\"[]") == std::string::npos)
                return line.value;
        }
        return names.prefix;
    }

    /// Notes a directive; what nobody knows is left out at once.
    static std::size_t take_down(Draft& draft, const UnitNames& names, const Assignment& line) {
        Item item;
        item.origin = line.origin;
        item.section = line.section;
        item.name = line.name;
        item.value = line.value;
        const std::size_t number = draft.add(std::move(item));
        if (!line.problem.empty()) {
            draft.leave_out(number, "not understood, as systemd would not: " + line.problem);
            return number;
        }
        const Tables tables = tables_of(line.section);
        bool known = false;
        for (const std::span<const Rule> rules : tables)
            for (const Rule& rule : rules)
                known = known || is_for(rule, line.name);
        const bool other_kind = (line.section == "Service" && names.suffix != "service") ||
                                (line.section == "Socket" && names.suffix != "socket") ||
                                (line.section == "Timer" && names.suffix != "timer");
        if (tables.empty() || other_kind) {
            draft.leave_out(number, "a " + names.suffix + " has no section [" + line.section + "]");
        } else if (!known) {
            draft.leave_out(number, "systemd has no such directive that is known here");
        }
        return number;
    }

    static void run(Job& job,
                    const Rule& rule,
                    std::string_view section,
                    const std::vector<Assignment>& lines,
                    const std::vector<std::size_t>& items) {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (lines[i].section != section || !is_for(rule, lines[i].name)) continue;
            if (!lines[i].problem.empty() || job.draft.item(items[i]).mapping == Mapping::NotMapped)
                continue;
            found.push_back(i);
        }
        if (found.empty()) return;
        std::size_t first = found.size() - 1;
        if (rule.many == Many::List) {
            // The last empty line forgets everything before it.
            first = 0;
            for (std::size_t i = 0; i < found.size(); ++i)
                if (lines[found[i]].value.empty()) first = i;
        }
        for (std::size_t i = 0; i < found.size(); ++i) {
            const std::size_t at = found[i];
            if (i < first) {
                job.draft.explain(items[at], "a later line replaces it");
                continue;
            }
            rule.apply(job, {items[at], lines[at].name, lines[at].value, rule.key, rule.note});
        }
    }

    /// True if `part` waits for the unit `other`.
    static bool comes_after(const Part& part, const std::string& other) {
        for (const char* key : {"after", "requires", "binds-to", "wants"}) {
            const Node* const list = part.draft->find(key);
            if (list == nullptr) continue;
            for (const Node& item : list->items)
                if (item.text == other) return true;
        }
        return false;
    }

    /// WantedBy= another unit: it is that one's list.
    void pull_in() {
        for (auto& [name, part] : parts_) {
            for (const auto& [item, other] : part.facts.wanted_by) {
                const auto found = parts_.find(other);
                if (found != parts_.end() && comes_after(part, other)) {
                    // Here `wants` would include the other order.
                    part.facts.enabled = part.facts.enabled || found->second.facts.enabled;
                    part.draft->approximate(item, "it starts with the guest, after '" + other +
                                                      "', and not whenever that one does");
                    continue;
                }
                if (found == parts_.end()) {
                    std::string note = "add \"";
                    note.append(name).append("\" to the `wants` of unit '").append(other);
                    part.draft->approximate(item, note.append("'"));
                    continue;
                }
                Item copy = part.draft->item(item);
                copy.keys.clear();
                const std::size_t there = found->second.draft->add(std::move(copy));
                found->second.draft->append(there, "wants", unitfile::text_node(name));
                part.draft->explain(item, "it stands in the wants of unit '" + other + "'");
            }
            for (const auto& [item, other] : part.facts.also) {
                const std::string stem = names_of(other).stem;
                if (stem != name && !parts_.contains(stem))
                    part.draft->approximate(item, other + " is not imported with it");
            }
        }
    }

    void finish_part(const std::string& name, Part& part) {
        Job job{*part.draft, part.names, part.facts, options_};
        finish_order(job);
        if (part.names.suffix == "target") {
            part.draft->supply("type", unitfile::text_node("target"), "A target.");
        } else if (part.has_service) {
            finish_service(job);
        } else {
            result_.skipped.push_back(
                {part.names.full, "the unit '" + name + "' that it starts is not imported with it",
                 false});
            return;
        }
        if (part.has_socket) {
            const std::string key = "socket." + part.facts.socket_name;
            if (!part.service_enabled && !part.facts.per_connection)
                part.draft->supply(key + ".lazy", unitfile::boolean_node(true),
                                   "The service is started by its socket alone.");
            if (part.draft->find(key + ".listen") != nullptr &&
                part.draft->find(key + ".mode") == nullptr && listens_unix(part, key))
                part.draft->supply(key + ".mode", unitfile::text_node("0666"),
                                   "systemd's default.");
        }
        if (!part.facts.enabled && !part.names.is_template)
            part.draft->supply("enabled", unitfile::boolean_node(false),
                               "Nothing that starts with the guest wants it.");
        for (const std::string& other : part.facts.required) {
            if (!is_here(other))
                part.draft->remark("It requires the unit '" + other +
                                   "', which was not imported with it.");
        }
        result_.units.push_back(part.draft->finish(options_));
    }

    /// By its name, an alias, or as an instance of a template.
    [[nodiscard]] bool is_here(const std::string& name) const {
        const auto at = name.find('@');
        if (parts_.contains(name) ||
            (at != std::string::npos && parts_.contains(name.substr(0, at + 1))))
            return true;
        for (const auto& [own, part] : parts_) {
            const Node* const alias = part.draft->find("alias");
            if (alias == nullptr) continue;
            for (const Node& item : alias->items)
                if (item.text == name) return true;
        }
        return false;
    }

    static bool listens_unix(const Part& part, const std::string& key) {
        const Node* const list = part.draft->find(key + ".listen");
        return std::any_of(list->items.begin(), list->items.end(), [](const Node& item) {
            return item.text.starts_with("unix") || item.text.starts_with("fifo");
        });
    }

    void finish() {
        for (auto& [name, part] : parts_)
            finish_part(name, part);
    }

    const Options& options_;
    std::map<std::string, Part> parts_;
    Import result_;
};

} // namespace

Import import_systemd(const std::vector<SystemdUnit>& units, const Options& options) {
    return Importer(options).make(units);
}

} // namespace stead::importing
