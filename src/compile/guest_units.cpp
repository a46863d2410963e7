#include <algorithm>
#include <set>

#include "compile/guest_parts.h"
#include "compile/mounts.h"
#include "compile/unit.h"

/// The units of a jail, and what they bring to its boundary.
namespace stead::compile {

namespace {

using recipe::Mount;
using recipe::MountKind;

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// State, cache and log folders are the host's: made if missing, writable, nothing to execute.
void add_directories(Draft& draft, const unitfile::UnitSpec& spec, const plan::UnitInput& unit) {
    for (const unitfile::DirectorySpec& directory : spec.directories) {
        if (directory.kind == DirectoryKind::Runtime) continue;
        const std::string path = std::string(directory_base(directory.kind)) + "/" + directory.name;
        const auto known = [&](const recipe::HostFolder& folder) { return folder.path == path; };
        auto& folders = draft.context.host_folders;
        // Two units may share a folder; the first one owns it.
        if (std::any_of(folders.begin(), folders.end(), known)) continue;
        const std::string origin = origin_of(or_place(directory.place, spec.place));
        folders.push_back({path, unit.exec.uid, unit.exec.gid, spec.directory_mode, origin});
        Mount mount;
        mount.kind = MountKind::Bind;
        mount.source = path;
        mount.target = path;
        mount.attributes = kNoSuid | kNoDevice | kNoExec;
        mount.origin = origin;
        draft.context.mounts.push_back(std::move(mount));
    }
}

/// The path on the host behind a path in a jail made of the host's programs; empty where the jail
/// has nothing of the host.
std::string behind(const Draft& draft, const std::string& path) {
    std::string found;
    std::size_t longest = 0;
    for (const Mount& mount : draft.context.mounts) {
        const bool covers = path.starts_with(mount.target) && (path.size() == mount.target.size() ||
                                                               path[mount.target.size()] == '/');
        if (!covers || mount.target.size() < longest) continue;
        longest = mount.target.size();
        // A link of a merged /usr leads to what is bound as well.
        if (mount.kind == MountKind::Bind) found = mount.source + path.substr(longest);
        if (mount.kind == MountKind::Link) found = path;
        if (mount.kind == MountKind::Tmpfs || mount.kind == MountKind::Mask) found.clear();
    }
    return found;
}

bool is_program(const Draft& draft, const std::string& path) {
    const std::string on_host = behind(draft, path);
    if (on_host.empty()) return false;
    const auto kind = draft.facts.look(on_host).kind;
    return kind == PathFact::Kind::File || kind == PathFact::Kind::Link;
}

/// Says before the start what would otherwise only fail after it: the program is not in the jail.
/// Only for jails made of the host's programs, whose files are known.
void check_program(Draft& draft, const unitfile::UnitSpec& spec) {
    if (draft.context.root.kind != recipe::RootKind::HostPrograms || spec.command.empty()) return;
    const std::string& program = spec.command.front();
    const unitfile::Place place = or_place(spec.command_place, spec.place);
    if (program.starts_with('/')) {
        if (is_program(draft, program)) return;
        const bool on_host = draft.facts.look(program).kind != PathFact::Kind::Missing;
        draft.report.error(place, on_host ? "program '" + program +
                                                "' is not in the jail, which sees the host's /usr "
                                                "and /etc only; add its folder to `bind`"
                                          : "there is no program '" + program + "'");
        return;
    }
    if (program.find('/') != std::string::npos) return;
    const auto own = spec.environment.find("PATH");
    std::string_view path =
        own == spec.environment.end() ? kDefaultPath : std::string_view(own->second);
    const std::string searched(path);
    while (!path.empty()) {
        std::string candidate(path.substr(0, path.find(':')));
        path.remove_prefix(std::min(path.size(), candidate.size() + 1));
        candidate += '/';
        candidate += program;
        if (is_program(draft, candidate)) return;
    }
    draft.report.error(place, "there is no program '" + program + "' in " + searched +
                                  "; is its package installed?");
}

UnitOptions options_of(const Draft& draft) {
    UnitOptions options;
    const bool restricts =
        std::any_of(draft.spec.units.begin(), draft.spec.units.end(),
                    [](const unitfile::UnitSpec& unit) { return unit.files.landlock.given(); });
    if (restricts && draft.facts.landlock) options.landlock = draft.facts.landlock();
    options.ceiling = draft.context.capabilities;
    options.ceiling_origin = draft.spec.capabilities.given
                                 ? origin_of(draft.spec.capabilities.place)
                                 : draft.default_origin();
    options.users = recipe::Users::Host;
    options.calls = &*draft.calls;
    options.no_new_privileges = true;
    options.jail = true;
    options.guest = draft.spec.name;
    options.folders = {draft.spec.file};
    options.facts = &draft.facts;
    options.zone = draft.facts.zone;
    return options;
}

} // namespace

void set_units(Draft& draft, const UserDatabase& host_users, unitfile::Diagnostics& diagnostics) {
    const auto& specs = draft.spec.units;
    if (draft.own_init()) return set_own_init(draft, diagnostics);
    if (!draft.jail()) {
        if (!specs.empty())
            draft.report.error(specs.front().place,
                               "[unit." + specs.front().name +
                                   "] needs profile = \"jail\"; a full guest has its units in its "
                                   "own /etc/stead/units, or name a folder in `units`");
        return;
    }
    if (specs.empty()) {
        draft.report.error({draft.spec.file, 0, 0},
                           "the jail has no unit; add a table [unit.NAME] with a `command`");
        return;
    }
    for (const unitfile::UnitSpec& spec : specs)
        check_program(draft, spec);
    if (draft.report.failed()) return;

    auto compiled = compile_units(specs, host_users, options_of(draft), diagnostics);
    if (compiled.units.empty()) {
        draft.report.error({draft.spec.file, 0, 0}, "no unit of the jail can be started");
        return;
    }
    if (specs.size() == 1 && !specs.front().keys.has("essential"))
        compiled.units.front().policy.essential = true;
    for (const plan::UnitInput& unit : compiled.units) {
        const auto spec = std::find_if(specs.begin(), specs.end(), [&](const auto& candidate) {
            return candidate.name == unit.name;
        });
        add_directories(draft, *spec, unit);
    }
    draft.plan = std::move(compiled);
}

} // namespace stead::compile
