#include "import/distribution.h"

#include <algorithm>

#include "import/distribution_parts.h"
#include "import/rules.h"
#include "import/sysusers.h"
#include "recipe/guest_paths.h"

/// Both halves together, and the units that come before all others.
namespace stead::importing {

namespace {

/// PID 1 answers `status` in one message: so many notes, names up to this length.
constexpr std::size_t kMaxNotes = 60;
constexpr std::size_t kMaxNames = 240;

bool has_program(const RootView& root, const std::string& name) {
    return root.exists("/usr/bin/" + name) || root.exists("/bin/" + name);
}

bool has_files(const RootView& root, const std::string& kind) {
    for (const char* folder : {"/etc/", "/usr/lib/", "/run/"})
        if (!root.list(folder + kind).empty()) return true;
    return false;
}

void add_first(Distribution& distribution, std::string name, std::string source, std::string text) {
    distribution.units.push_back({std::move(name), std::move(source), std::move(text), true, {}});
}

/// The launcher's word for a root that is a folder the guest may write to.
bool is_folder_root(const RootView& root) {
    const RootText word = root.read("/run/stead/distribution");
    return word.text && word.text->starts_with("folder");
}

/// Nothing of Stead's lies in a root that is a folder, and what is not there cannot be covered: the
/// guest makes links of its own, which lead nowhere outside of Stead. False: there is nothing to
/// do.
bool link_commands(const RootView& root, Distribution& distribution) {
    constexpr const char* kLinks[] = {
        "/usr/bin/stead", "/usr/bin/systemctl", "/bin/systemctl", "/sbin/init",     "/sbin/telinit",
        "/sbin/runlevel", "/sbin/shutdown",     "/sbin/reboot",   "/sbin/poweroff", "/sbin/halt"};
    std::string missing;
    for (const std::string path : kLinks)
        if (!root.link(path) && !root.exists(path)) missing += " " + path;
    if (missing.empty() || !is_folder_root(root)) return false;
    // Where folders are merged the first link is the second as well.
    add_first(
        distribution, "commands", recipe::kGuestStead,
        R"(description = "Links systemctl, shutdown and their like to Stead's where there are none"
type = "oneshot"
remain-after-exit = false
command = ["sh", "-c", """
for path in)" +
            missing +
            R"(; do
    [ -e $path ] || [ -L $path ] || ln -s /run/stead/bin/stead $path
done
:"""]
)");
    return true;
}

/// Stead's commands lie over the root's; without this an upgrade of theirs would lie over Stead's,
/// or fail where Stead's is a mount.
void keep_commands(const RootView& root, Distribution& distribution) {
    constexpr std::string_view kMark = "/usr/bin/systemctl.distribution";
    const RootText known = root.read("/var/lib/dpkg/diversions");
    const bool done = known.text && known.text->find(kMark) != std::string::npos;
    const bool offers =
        root.link("/usr/bin/systemctl") == recipe::kGuestStead || is_folder_root(root);
    if (done || !has_program(root, "dpkg-divert") || !offers) return;
    // dpkg knows a file by the very path that its package has, also where folders are merged.
    add_first(distribution, "diversions", "/var/lib/dpkg/diversions",
              R"(description = "Keeps packages from laying their systemctl over Stead's"
type = "oneshot"
remain-after-exit = false
command = ["sh", "-c", """
for folder in sbin usr/sbin; do
    for name in shutdown reboot poweroff halt telinit runlevel; do
        dpkg-divert --quiet --local --no-rename --divert /$folder/$name.distribution --add /$folder/$name
    done
done
for folder in bin usr/bin; do
    dpkg-divert --quiet --local --no-rename --divert /$folder/systemctl.distribution --add /$folder/systemctl
done
:"""]
)");
}

/// The distribution's own tools for accounts, files and the machine's id, where they are.
std::vector<std::string> first_units(const RootView& root, Distribution& distribution) {
    constexpr const char* kOneshot = "type = \"oneshot\"\nremain-after-exit = true\n";
    std::vector<std::string> names;
    if (link_commands(root, distribution)) names.emplace_back("commands");
    if (!root.exists("/etc/machine-id") && has_program(root, "dbus-uuidgen")) {
        add_first(distribution, "machine-id", "/etc/machine-id",
                  "description = \"Makes the machine's id\"\ntype = \"oneshot\"\n"
                  "remain-after-exit = false\n"
                  "command = \"dbus-uuidgen --ensure=/etc/machine-id\"\n");
        names.emplace_back("machine-id");
    }
    const bool has_accounts = has_files(root, "sysusers.d");
    if (has_accounts && has_program(root, "systemd-sysusers")) {
        // Nearly always they are there: packages make theirs when they are installed.
        const std::string what = lacks_accounts(root)
                                     ? std::string(kOneshot) + "command = \"systemd-sysusers\"\n"
                                     : "type = \"target\"\n";
        add_first(distribution, "sysusers", "sysusers.d",
                  "description = \"The accounts that sysusers.d lists\"\n" + what);
        names.emplace_back("sysusers");
    } else if (has_accounts) {
        distribution.others.emplace("sysusers.d", "there is no systemd-sysusers; packages make "
                                                  "their accounts themselves");
    }
    if (has_files(root, "tmpfiles.d")) {
        const bool own = has_program(root, "systemd-tmpfiles");
        std::string text = "description = \"Makes the files that tmpfiles.d lists\"\n" +
                           std::string(kOneshot) + "command = \"";
        text += own ? "systemd-tmpfiles --create --remove --boot --exclude-prefix=/dev"
                    : recipe::kGuestStead + std::string(" tmpfiles");
        // What cannot be made is no reason for anything else to fail.
        text += "\"\nsuccess-exit = [0, 65, 73]\nafter = [";
        for (const std::string& name : names)
            text.append(name == names.front() ? "\"" : ", \"").append(name).append("\"");
        add_first(distribution, "tmpfiles", "tmpfiles.d", text + "]\n");
        names.emplace_back("tmpfiles");
    }
    return names;
}

/// "a, b, c" up to a length that people read.
void add_name(std::string& text, const std::string& name, bool everything) {
    if (text.size() > kMaxNames && !everything) return;
    text += (text.empty() ? "" : ", ") + name;
    if (text.size() > kMaxNames && !everything) text += ", ...";
}

} // namespace

Distribution import_distribution(const RootView& root, const Options& options) {
    Distribution distribution;
    RootUnits found(root);
    found.pull_in(distribution);
    keep_commands(root, distribution);
    const std::vector<std::string> first = first_units(root, distribution);
    std::vector<SystemdUnit> units = found.collect(first, distribution);
    for (SystemdUnit& script : init_scripts(root, found, distribution)) {
        std::string after;
        for (const std::string& name : first)
            after.append("After=").append(name).append(".service\n");
        script.sources.push_back({"(links)", "[Unit]\n" + after});
        units.push_back(std::move(script));
    }

    Options wanted = options;
    wanted.only_supported = true;
    wanted.own_restart = true;
    const Import import = import_systemd(units, wanted);
    std::map<std::string, const SystemdUnit*> sources;
    for (const SystemdUnit& unit : units)
        sources.emplace(unit.name, &unit);
    for (const ImportedUnit& unit : import.units) {
        const auto source = sources.find(unit.source);
        Distribution::Unit made{unit.name, unit.source, unit.text, false, {}};
        if (source != sources.end()) {
            made.source = source->second->sources.front().path;
            made.enabled = source->second->enabled.value_or(false);
        }
        for (const Item& item : unit.items)
            if (item.mapping == Mapping::NotMapped) made.lost.push_back(item);
        const bool known = std::any_of(distribution.units.begin(), distribution.units.end(),
                                       [&](const auto& one) { return one.name == unit.name; });
        if (!known) distribution.units.push_back(std::move(made));
    }
    for (const Skipped& skipped : import.skipped) {
        const auto source = sources.find(skipped.source);
        if (source != sources.end() && source->second->enabled.value_or(false))
            distribution.left_out.emplace(skipped.source, skipped.reason);
    }
    return distribution;
}

bool is_standard_unit(std::string_view name) {
    constexpr std::string_view kNever[] = {"rescue.target",   "emergency.target", "shutdown.target",
                                           "poweroff.target", "reboot.target",    "halt.target",
                                           "umount.target",   "final.target"};
    const bool never = std::find(std::begin(kNever), std::end(kNever), name) != std::end(kNever);
    const bool own =
        name.ends_with(".service") || name.ends_with(".socket") || name.ends_with(".timer");
    return !never && !own && other_unit(name).name.empty();
}

std::vector<Note> notes_of(const Distribution& distribution, bool everything) {
    std::vector<Note> notes;
    std::map<std::string, std::string> reasons;
    for (const auto& [what, why] : distribution.others)
        notes.push_back({what, why});
    for (const auto& [name, reason] : distribution.left_out)
        add_name(reasons[reason], name, everything);
    for (const auto& [reason, names] : reasons)
        notes.push_back({names, reason});
    std::map<std::pair<std::string, std::string>, std::string> lines;
    for (const Distribution::Unit& unit : distribution.units) {
        if (!unit.enabled && !everything) continue;
        for (const Item& item : unit.lost)
            add_name(lines[{item.name, item.note}], unit.name, everything);
    }
    for (const auto& [line, names] : lines)
        notes.push_back({line.first + "= of " + names, line.second});
    if (notes.size() > kMaxNotes && !everything) {
        const std::size_t more = notes.size() - kMaxNotes;
        notes.resize(kMaxNotes);
        notes.push_back({std::to_string(more) + " things more",
                         "'stead check' of the guest's file lists everything"});
    }
    return notes;
}

} // namespace stead::importing
