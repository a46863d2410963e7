#include <algorithm>
#include <array>

#include "compile/guest_parts.h"
#include "compile/mounts.h"

/// What a guest sees as its file system.
namespace stead::compile {

namespace {

using recipe::Mount;
using recipe::MountKind;
using recipe::RootKind;

/// Where a bind would take from the guest what keeps it a guest.
constexpr std::array<std::string_view, 4> kOurs{"/proc", "/sys", "/dev", "/run/stead"};

bool is_below(std::string_view path, std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

void append(std::vector<Mount>& list, std::vector<Mount> more) {
    list.insert(list.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

/// The folder that `root` names is one.
bool check_folder(Draft& draft, const std::string& path) {
    const unitfile::Place place = or_place(draft.spec.root.place, draft.place("root"));
    switch (draft.facts.look(path).kind) {
    case PathFact::Kind::Folder:
        return true;
    case PathFact::Kind::Link:
        draft.report.error(place, "root '" + path + "' is a symbolic link; name the folder itself");
        return false;
    case PathFact::Kind::Missing:
        draft.report.error(place, "root '" + path +
                                      "' does not exist; make it, or use root = "
                                      "\"host\" with ephemeral = true");
        return false;
    case PathFact::Kind::File:
    case PathFact::Kind::Other:
        draft.report.error(place, "root '" + path + "' is no folder");
        return false;
    }
    return false;
}

/// A root without these cannot hold a guest; as symbolic links they would lead our mounts astray.
void check_is_root(Draft& draft, const std::string& path) {
    for (const char* name : {"proc", "dev", "run", "tmp"}) {
        const std::string folder = path + (path == "/" ? "" : "/") + name;
        const auto kind = draft.facts.look(folder).kind;
        if (kind == PathFact::Kind::Folder) continue;
        // An overlay can be given what is missing; a link stays a trap there, too.
        if (kind == PathFact::Kind::Missing && draft.spec.ephemeral) continue;
        draft.report.error(or_place(draft.spec.root.place, draft.place("root")),
                           "root '" + path + "' is no root: /" + name +
                               (kind == PathFact::Kind::Missing
                                    ? " is missing in it; make that folder"
                                    : " is no real folder in it"));
    }
}

void choose_root(Draft& draft) {
    const unitfile::GuestSpec& spec = draft.spec;
    recipe::Root& root = draft.context.root;
    if (spec.image.given()) return choose_image(draft);
    const bool host = spec.root.value == "host" || (draft.jail() && spec.root.value.empty());
    root.path = host ? "/" : spec.root.value;
    root.read_only = spec.read_only.given() ? spec.read_only.value : draft.jail();
    if (spec.ephemeral && host && draft.facts.rootless_ids) {
        draft.report.error(or_place(spec.root.place, draft.place("root")),
                           "the kernel lets only root lay memory above the host's own tree; name a "
                           "root folder of yours, or run it as root");
        return;
    }
    if (spec.ephemeral) {
        root.kind = RootKind::EphemeralOverlay;
        if (!spec.read_only.given()) root.read_only = false;
        return;
    }
    root.kind = host ? RootKind::HostPrograms : RootKind::Directory;
    if (!host || draft.jail()) return;
    draft.report.error(or_place(spec.root.place, draft.place("root")),
                       "root = \"host\" needs ephemeral = true, so that the guest's changes stay "
                       "in memory, or profile = \"jail\"");
}

void add_unit_folders(Draft& draft) {
    constexpr std::size_t kMost = 32;
    std::size_t number = 0;
    for (const unitfile::Text& folder : draft.spec.unit_folders) {
        if (number == kMost) {
            draft.report.error(folder.place, "units: at most 32 folders");
            return;
        }
        if (draft.facts.look(folder.value).kind != PathFact::Kind::Folder) {
            draft.report.error(folder.place, "units: '" + folder.value + "' is no folder");
            continue;
        }
        Mount mount;
        mount.kind = MountKind::Bind;
        mount.source = folder.value;
        // Their order is the order of the search.
        mount.target = "/run/stead/units/" + std::to_string(100 + number++);
        mount.attributes = kReadOnly | kNoSuid | kNoDevice | kNoExec;
        mount.origin = origin_of(folder.place);
        draft.context.mounts.push_back(std::move(mount));
    }
    // Drop-ins of units that the host keeps for this guest.
    const std::string kept = draft.spec.file + ".d/units";
    if (draft.spec.file.empty() || draft.facts.look(kept).kind != PathFact::Kind::Folder) return;
    Mount mount;
    mount.kind = MountKind::Bind;
    mount.source = kept;
    mount.target = "/run/stead/units/" + std::to_string(100 + number);
    mount.attributes = kReadOnly | kNoSuid | kNoDevice | kNoExec;
    mount.origin = kept;
    draft.context.mounts.push_back(std::move(mount));
}

std::optional<std::string> place_problem(const std::string& to) {
    if (to == "/" || to == "/run") return "'" + to + "' is the guest's own";
    for (const std::string_view path : kOurs)
        if (is_below(to, path))
            return "'" + to + "' lies in " + std::string(path) +
                   ", which is made by Stead; bind to another place";
    return std::nullopt;
}

std::optional<std::string> bind_problem(const Draft& draft, const unitfile::BindSpec& bind) {
    if (auto problem = place_problem(bind.to)) return problem;
    if (draft.facts.look(bind.from).kind == PathFact::Kind::Missing)
        return "'" + bind.from + "' does not exist on the host";
    if (bind.idmap && draft.context.users != recipe::Users::Private)
        return "idmap needs users = \"private\"";
    return std::nullopt;
}

/// "/var/lib/data" is kept in "var-lib-data".
std::string volume_name(const std::string& path) {
    std::string name = path.substr(1);
    for (char& c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '.';
        // What two paths could share otherwise: "a-b" and "a/b".
        if (c == '-')
            c = '=';
        else if (c == '/')
            c = '-';
        else if (!plain && c != '=')
            c = '+';
    }
    return name;
}

std::optional<std::string> volume_problem(const Draft& draft, const std::string& path) {
    constexpr std::size_t kMostVolumes = 32;
    const recipe::Root& root = draft.context.root;
    if (root.kind != RootKind::Image)
        return "a root that is no image has none; bind a folder of the host";
    if (root.volumes.size() == kMostVolumes) return "at most 32 folders";
    if (path.size() > 200) return "'" + path + "' is too long";
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at + 1), path.size());
        const std::string part = path.substr(at + 1, end - at - 1);
        if (part.empty() || part == "." || part == "..")
            return "'" + path + "' is no plain path: write it without '.', '..' and '//'";
        at = end;
    }
    for (const recipe::Volume& other : root.volumes) {
        if (is_below(path, other.path) || is_below(other.path, path))
            return "'" + path + "' and '" + other.path + "' lie in each other";
        if (other.name == volume_name(path))
            return "'" + path + "' and '" + other.path + "' would be kept under one name";
    }
    return place_problem(path);
}

} // namespace

void set_volumes(Draft& draft) {
    for (const unitfile::Text& volume : draft.spec.volumes) {
        if (const auto problem = volume_problem(draft, volume.value)) {
            draft.report.error(volume.place, "volumes: " + *problem);
            continue;
        }
        draft.context.root.volumes.push_back({volume.value, volume_name(volume.value)});
        Mount mount;
        mount.kind = MountKind::Bind;
        mount.source = draft.volumes + "/" + volume_name(volume.value);
        mount.target = volume.value;
        mount.attributes = kNoSuid | kNoDevice;
        // An ordinary user's files are its namespace's already.
        mount.idmap = draft.context.users == recipe::Users::Private && !draft.facts.rootless_ids;
        mount.origin = origin_of(volume.place);
        add_bind_target(draft, volume.value, true);
        draft.context.mounts.push_back(std::move(mount));
    }
}

void set_root(Draft& draft) {
    const unitfile::GuestSpec& spec = draft.spec;
    recipe::Context& context = draft.context;
    if (spec.root.value.empty() && !spec.image.given() && !draft.jail()) {
        draft.report.error(
            {spec.file, 0, 0},
            "the guest has no `root`; name an image or a folder, or use root = \"host\" with "
            "ephemeral = true");
        return;
    }
    choose_root(draft);
    if (draft.report.failed()) return;
    const recipe::Root& root = context.root;
    if (root.kind == RootKind::Image) {
        set_layer(draft);
    } else if (root.path != "/" && check_folder(draft, root.path)) {
        check_is_root(draft, root.path);
    }
    if (draft.report.failed()) return;

    MountOptions options;
    options.network = context.network.mode;
    options.hide_processes = spec.hidepid.given() ? spec.hidepid.value : draft.jail();
    options.host_root = root.path == "/";
    options.own_init = draft.own_init();
    options.cgroup2 = draft.facts.cgroup2;
    options.host_devices = draft.facts.rootless_ids.has_value();
    options.terminal_group = draft.facts.rootless_ids != 1U;
    // A command with our pipes at its ends needs no terminal, and starts faster without.
    options.terminals =
        std::none_of(spec.units.begin(), spec.units.end(), [](const unitfile::UnitSpec& unit) {
            return unit.inherit_input && !unit.controlling_terminal;
        });
    if (root.kind == RootKind::HostPrograms)
        append(context.mounts, host_program_mounts(draft.facts, options.network));
    append(context.mounts, draft.jail() ? jail_mounts(options) : system_mounts(options));
    if (options.host_root) append(context.mounts, secret_masks());
    if (root.kind == RootKind::EphemeralOverlay && options.host_root)
        context.notices.emplace_back("the root is a snapshot of the host's files in memory: what "
                                     "the host changes from now on may show or not");
    add_unit_folders(draft);
}

void set_binds(Draft& draft) {
    for (const unitfile::BindSpec& bind : draft.spec.binds) {
        if (const auto problem = bind_problem(draft, bind)) {
            draft.report.error(bind.place, "bind: " + *problem);
            continue;
        }
        Mount mount;
        mount.kind = MountKind::Bind;
        mount.source = bind.from;
        mount.target = bind.to;
        mount.attributes = (bind.read_only ? kReadOnly : 0) | (bind.nosuid ? kNoSuid : 0) |
                           (bind.nodev ? kNoDevice : 0) | (bind.noexec ? kNoExec : 0);
        mount.idmap = bind.idmap;
        if (draft.context.root.kind == RootKind::Image)
            add_bind_target(draft, bind.to,
                            draft.facts.look(bind.from).kind == PathFact::Kind::Folder);
        mount.origin = origin_of(bind.place);
        draft.context.mounts.push_back(std::move(mount));
    }
}

} // namespace stead::compile
