#include <algorithm>
#include <deque>
#include <utility>

#include "import/distribution_parts.h"
#include "import/read.h"
#include "import/rules.h"
#include "import/systemd_text.h"

namespace stead::importing {

namespace {

/// Links that lead to links: no system has more in a row.
constexpr int kMaxLinks = 8;
/// Units that one start may pull in.
constexpr std::size_t kMaxWanted = 2048;

/// What systemd's own targets ask for; their files are missing where systemd is not installed.
constexpr std::pair<std::string_view, std::string_view> kTargets[] = {
    {"graphical.target", "multi-user.target"}, {"multi-user.target", "basic.target"},
    {"basic.target", "sysinit.target"},        {"basic.target", "sockets.target"},
    {"basic.target", "timers.target"},         {"basic.target", "paths.target"}};

constexpr std::string_view kGenerator = "postgresql-generator";
constexpr std::string_view kGenerators[] = {"/usr/lib/systemd/system-generators",
                                            "/lib/systemd/system-generators"};

/// "web@1.service" of "web@.service"'s file and the instance's name.
std::string instance_of(std::string_view general, const UnitNames& names) {
    const UnitNames other = names_of(general);
    return other.prefix + "@" + names.instance + "." + other.suffix;
}

bool is_on(std::string_view text) {
    return parse_boolean(text).value_or(true);
}

/// A unit that stays a unit here; not a target that only stands for the whole start.
bool is_kept(const std::string& name) {
    const UnitNames names = names_of(name);
    if (names.is_template) return false;
    if (names.suffix == "target") return !other_unit(name).name.empty();
    return names.suffix == "service" || names.suffix == "socket" || names.suffix == "timer";
}

} // namespace

RootUnits::RootUnits(const RootView& root)
    : root_(root) {
    for (const std::string_view folder : kUnitFolders) {
        std::size_t count = 0;
        for (const std::string& name : root_.list(std::string(folder))) {
            if (++count > kMaxSources) break;
            const std::string path = std::string(folder) + "/" + name;
            const bool is_folder =
                name.ends_with(".d") || name.ends_with(".wants") || name.ends_with(".requires");
            if (is_folder) folders_[name].push_back(path);
            if (!is_folder && is_systemd_name(name)) files_.emplace(name, path);
        }
    }
    for (const std::string& name : root_.list(std::string(kStartedByHand)))
        if (is_activator(name)) started_.insert(name);
    for (const std::string& name : root_.list(std::string(kStoppedByHand)))
        if (is_activator(name)) stopped_.insert(name);
    for (const auto& [name, path] : files_) {
        const Found found = find(name);
        if (found.name != name && !found.masked) aliases_.emplace(name, found.name);
    }
}

std::string RootUnits::template_path(const UnitNames& names) const {
    const auto file = files_.find(names.prefix + "@." + names.suffix);
    return file == files_.end() || names.instance.empty() ? std::string() : file->second;
}

RootUnits::Found RootUnits::find(std::string name) const {
    for (int step = 0; step < kMaxLinks; ++step) {
        const UnitNames names = names_of(name);
        const auto file = files_.find(name);
        const std::string path = file != files_.end() ? file->second : template_path(names);
        if (path.empty()) return {name, {}};
        const auto link = root_.link(path);
        if (!link) return {name, path};
        if (*link == "/dev/null") return {name, path, true};
        std::string other(base_name(*link));
        if (!is_systemd_name(other) || other == name) return {name, path};
        if (names_of(other).is_template && !names.instance.empty()) {
            other = instance_of(other, names);
            if (other == name) return {name, path};
        }
        // A link to a file that lies elsewhere, under another name.
        if (!files_.contains(other) && template_path(names_of(other)).empty()) return {name, path};
        name = std::move(other);
    }
    return {name, {}};
}

std::vector<std::string> RootUnits::asked_by_links(const std::string& name) const {
    std::vector<std::string> asked;
    for (const char* ending : {".wants", ".requires"}) {
        const auto folders = folders_.find(name + ending);
        if (folders == folders_.end()) continue;
        for (const std::string& folder : folders->second) {
            for (const std::string& other : root_.list(folder))
                if (is_systemd_name(other) && asked.size() < kMaxSources) asked.push_back(other);
        }
    }
    std::sort(asked.begin(), asked.end());
    return asked;
}

std::vector<std::string> RootUnits::asked_by_text(const Found& found) const {
    std::vector<std::string> asked;
    SystemdUnit unit;
    unit.name = found.name;
    const RootText read = found.path.empty() ? RootText{} : root_.read(found.path);
    if (read.text) unit.sources.push_back({found.path, *read.text});
    Distribution unheard;
    add_drop_ins(unit, unheard);
    const UnitNames names = names_of(found.name);
    for (const Assignment& line : parse_systemd(unit.sources)) {
        const bool pulls = line.name == "Wants" || line.name == "Requires" ||
                           line.name == "BindsTo" || line.name == "Upholds";
        if (line.section != "Unit" || !pulls || !line.problem.empty()) continue;
        for (const std::string& word : split_blanks(line.value)) {
            Expanded expanded = expand_specifiers(word, names);
            if (expanded.problem.empty() && make_plain(expanded.text))
                asked.push_back(expanded.text);
        }
    }
    return asked;
}

/// What postgresql-generator(1) would link: the clusters that start with the system.
std::vector<std::string> RootUnits::clusters() const {
    std::vector<std::string> found;
    const bool generated =
        std::any_of(std::begin(kGenerators), std::end(kGenerators), [&](std::string_view folder) {
            return root_.exists(std::string(folder) + "/" + std::string(kGenerator));
        });
    if (!generated) return found;
    for (const std::string& version : root_.list("/etc/postgresql")) {
        const std::string folder = "/etc/postgresql/" + version;
        if (!root_.exists("/usr/lib/postgresql/" + version + "/bin/postgres")) continue;
        for (const std::string& cluster : root_.list(folder)) {
            std::string own = folder;
            own.append("/").append(cluster);
            if (!root_.exists(own + "/postgresql.conf")) continue;
            const RootText start = root_.read(own + "/start.conf");
            bool automatic = !start.text;
            for (std::string_view rest = start.text ? std::string_view(*start.text) : "";
                 !rest.empty();) {
                const std::string_view line = rest.substr(0, rest.find('\n'));
                rest.remove_prefix(std::min(rest.size(), line.size() + 1));
                automatic = automatic || trimmed(line.substr(0, line.find('#'))) == "auto";
            }
            if (automatic && found.size() < kMaxSources)
                found.emplace_back("postgresql@")
                    .append(version)
                    .append("-")
                    .append(cluster)
                    .append(".service");
        }
    }
    return found;
}

void RootUnits::tell_generators(Distribution& distribution) const {
    std::string names;
    std::set<std::string> seen;
    for (const std::string_view folder : kGenerators) {
        for (const std::string& name : root_.list(std::string(folder))) {
            if (name.starts_with("systemd-") || name == kGenerator || seen.size() > 20) continue;
            if (seen.insert(name).second) names += (names.empty() ? "" : ", ") + name;
        }
    }
    if (!names.empty())
        distribution.others.emplace("what " + names + " would make", "generators are not run");
}

void RootUnits::pull_in(Distribution& distribution) {
    tell_generators(distribution);
    std::deque<std::string> next{files_.contains("default.target") ? "default.target"
                                                                   : "multi-user.target"};
    next.insert(next.end(), started_.begin(), started_.end());
    while (!next.empty() && wanted_.size() < kMaxWanted) {
        const std::string asked = next.front();
        next.pop_front();
        const Found found = find(asked);
        const std::string_view reason = left_out_reason(found.name);
        // getty.target and its like are asked for everywhere, and nobody misses them.
        const bool is_target = found.name.ends_with(".target");
        if (!reason.empty()) {
            if (!is_target && !found.path.empty() && !found.masked)
                distribution.left_out.emplace(found.name, reason);
            continue;
        }
        if (found.masked || (found.path.empty() && !is_target)) continue;
        if (stopped_.contains(found.name)) continue;
        if (!wanted_.insert(found.name).second) continue;
        for (const auto& [target, other] : kTargets)
            if (found.name == target) next.emplace_back(other);
        for (const std::string& name : {asked, found.name})
            for (std::string& other : asked_by_links(name))
                next.push_back(std::move(other));
        for (std::string& other : asked_by_text(found))
            next.push_back(std::move(other));
        if (found.name != "postgresql.service") continue;
        for (std::string& cluster : clusters())
            next.push_back(std::move(cluster));
    }
}

void RootUnits::add_drop_ins(SystemdUnit& unit, Distribution& distribution) const {
    std::map<std::string, std::string> found;
    std::vector<std::string> levels = drop_in_folders(names_of(unit.name));
    for (const std::string& alias : unit.aliases)
        levels.push_back(alias + ".d");
    // The most particular folder's file of a name counts.
    for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
        const auto folders = folders_.find(*level);
        if (folders == folders_.end()) continue;
        for (const std::string& folder : folders->second) {
            for (const std::string& file : root_.list(folder))
                if (file.ends_with(".conf") && !file.starts_with('.') && found.size() < kMaxSources)
                    found.emplace(file, std::string(folder).append("/").append(file));
        }
    }
    for (const auto& [file, path] : found) {
        RootText read = root_.read(path);
        if (read.text) {
            unit.sources.push_back({path, std::move(*read.text)});
        } else if (!read.problem.empty()) {
            distribution.others.emplace(path, read.problem);
        }
    }
}

std::optional<SystemdUnit> RootUnits::unit_of(const Found& found,
                                              const std::vector<std::string>& first,
                                              Distribution& distribution) const {
    SystemdUnit unit;
    unit.name = found.name;
    unit.enabled = wanted_.contains(found.name);
    RootText read = root_.read(found.path);
    if (!read.text) {
        if (*unit.enabled)
            distribution.left_out.emplace(found.name, read.problem.empty() ? "its file is missing"
                                                                           : read.problem);
        return std::nullopt;
    }
    unit.sources.push_back({found.path, std::move(*read.text)});
    for (const auto& [alias, name] : aliases_)
        if (name == found.name) unit.aliases.push_back(alias);
    add_drop_ins(unit, distribution);

    bool early = false;
    for (const Assignment& line : parse_systemd(unit.sources))
        if (line.section == "Unit" && line.name == "DefaultDependencies")
            early = !is_on(line.value);
    std::string more;
    if (found.name.ends_with(".service") && !early) {
        for (const std::string& name : first)
            more += "After=" + name + ".service\n";
    }
    for (const std::string& other : asked_by_links(found.name))
        if (left_out_reason(other).empty()) more += "Wants=" + other + "\n";
    if (found.name == "postgresql.service")
        for (const std::string& cluster : clusters())
            more += "Wants=" + cluster + "\n";
    if (!more.empty()) unit.sources.push_back({"(links)", "[Unit]\n" + more});
    return unit;
}

std::vector<SystemdUnit> RootUnits::collect(const std::vector<std::string>& first,
                                            Distribution& distribution) const {
    std::set<std::string> names = wanted_;
    for (const auto& [name, path] : files_)
        if (name.ends_with(".service")) names.insert(name);
    std::vector<SystemdUnit> units;
    for (const std::string& name : names) {
        if (!is_kept(name) || !left_out_reason(name).empty()) continue;
        const Found found = find(name);
        if (found.masked || found.path.empty() || found.name != name) continue;
        if (units.size() == kMaxSources) {
            distribution.left_out.emplace(name, "there are too many units");
            break;
        }
        if (auto unit = unit_of(found, first, distribution)) units.push_back(std::move(*unit));
    }
    return units;
}

} // namespace stead::importing
