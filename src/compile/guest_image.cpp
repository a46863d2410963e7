#include <algorithm>
#include <array>

#include "compile/guest_parts.h"
#include "recipe/guest_paths.h"

/// A root that is made of an image: what lies above it.
namespace stead::compile {

namespace {

using recipe::LayerFile;
using LayerKind = LayerFile::Kind;

/// Where a guest's own commands for its end lead.
constexpr std::array<std::string_view, 4> kEndings{"shutdown", "reboot", "poweroff", "halt"};

constexpr std::array<std::string_view, 2> kRunlevels{"runlevel", "telinit"};

bool has_layer(const Draft& draft, const std::string& path) {
    const auto& layer = draft.context.root.layer;
    return std::any_of(layer.begin(), layer.end(),
                       [&](const LayerFile& one) { return one.path == path; });
}

void add(Draft& draft, LayerKind kind, std::string path, std::string text = {}) {
    draft.context.root.layer.push_back({kind, std::move(path), std::move(text)});
}

PathFact::Kind kind_in_image(const Draft& draft, const std::string& path) {
    return draft.facts.look(draft.context.root.path + path).kind;
}

/// A layer's folder over an image's link would hide what the link leads to.
bool may_hold_ours(const Draft& draft, const std::string& folder) {
    const auto kind = kind_in_image(draft, folder);
    return kind == PathFact::Kind::Folder || kind == PathFact::Kind::Missing;
}

std::string hosts_text(const std::string& name) {
    return "127.0.0.1 localhost\n127.0.1.1 " + name +
           "\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\n"
           "ff02::2 ip6-allrouters\n";
}

} // namespace

void choose_image(Draft& draft) {
    const unitfile::GuestSpec& spec = draft.spec;
    recipe::Root& root = draft.context.root;
    root.kind = recipe::RootKind::Image;
    root.read_only = spec.read_only.given() ? spec.read_only.value : draft.jail();
    ImageFact fact;
    fact.problem = "there are no images here";
    if (draft.facts.image) fact = draft.facts.image(spec.name, spec.image.value);
    if (!fact.problem.empty()) {
        draft.report.error(spec.image.place,
                           "image: " + fact.problem + (fact.hint.empty() ? "" : "; " + fact.hint));
        return;
    }
    root.path = fact.root;
    draft.volumes = fact.volumes;
    if (spec.ephemeral) root.read_only = false;
    if (!spec.ephemeral && !root.read_only) root.changes = fact.changes;
}

void set_layer(Draft& draft) {
    const std::string& name = draft.context.hostname;
    for (const char* folder : {"/proc", "/sys", "/dev", "/run", "/tmp"}) {
        if (!may_hold_ours(draft, folder)) {
            draft.report.error(draft.place("image"), "image '" + draft.spec.image.value +
                                                         "' is no root: " + folder +
                                                         " is no real folder in it");
            continue;
        }
        if (kind_in_image(draft, folder) == PathFact::Kind::Missing)
            add(draft, LayerKind::Folder, folder);
    }
    if (draft.jail()) return;
    if (may_hold_ours(draft, "/etc")) {
        add(draft, LayerKind::File, "/etc/hostname", name + "\n");
        add(draft, LayerKind::File, "/etc/hosts", hosts_text(name));
        // Its text is the start's to know.
        const std::string& id = draft.spec.machine_id.value;
        add(draft, LayerKind::File, "/etc/machine-id", id.empty() ? "" : id + "\n");
    }
    for (const char* folder : {"/usr/sbin", "/usr/bin", "/sbin"}) {
        // How to end the guest is its own init's to say.
        if (draft.own_init()) break;
        if (kind_in_image(draft, folder) != PathFact::Kind::Folder) continue;
        const auto link = [&](std::string_view ending) {
            add(draft, LayerKind::Link, std::string(folder) + "/" + std::string(ending),
                recipe::kGuestStead);
        };
        std::for_each(kEndings.begin(), kEndings.end(), link);
        if (draft.spec.distribution.value)
            std::for_each(kRunlevels.begin(), kRunlevels.end(), link);
        break;
    }
    if (draft.spec.distribution.value) {
        // Packages' scripts start nothing in a system without it.
        const bool merged = kind_in_image(draft, "/sbin") != PathFact::Kind::Folder;
        const std::string init = merged ? "/usr/sbin/init" : "/sbin/init";
        if (kind_in_image(draft, init) == PathFact::Kind::Missing)
            add(draft, LayerKind::Link, init, recipe::kGuestStead);
    }
    bool known = false;
    for (const char* folder : {"/usr/bin", "/bin"}) {
        if (kind_in_image(draft, folder) != PathFact::Kind::Folder) continue;
        if (!known)
            add(draft, LayerKind::Link, std::string(folder) + "/stead", recipe::kGuestStead);
        known = true;
        // Some scripts name it by its path.
        if (draft.spec.distribution.value)
            add(draft, LayerKind::Link, std::string(folder) + "/systemctl", recipe::kGuestStead);
    }
}

void set_distribution(Draft& draft) {
    if (!draft.spec.distribution.value) return;
    const std::string origin = origin_of(draft.spec.distribution.place);
    const auto mount = [&](recipe::MountKind kind, std::string target, std::string text = {}) {
        recipe::Mount made;
        made.kind = kind;
        made.source = std::move(text);
        made.target = std::move(target);
        made.origin = origin;
        draft.context.mounts.push_back(std::move(made));
    };
    // What tells packages' scripts to ask systemctl, and programs that they are in a guest.
    mount(recipe::MountKind::Folder, "/run/systemd");
    mount(recipe::MountKind::Folder, "/run/systemd/system");
    mount(recipe::MountKind::File, "/run/systemd/container", "stead\n");
    // What tells the loader.
    const recipe::Root& root = draft.context.root;
    const bool is_image = root.kind == recipe::RootKind::Image;
    mount(recipe::MountKind::File, "/run/stead/distribution",
          is_image || root.read_only ? "" : "folder\n");
    if (is_image) return;
    bool covered = false;
    const std::string above = root.path == "/" ? "" : root.path;
    const auto cover = [&](const std::string& folder, std::string_view name) {
        const std::string path = folder + "/" + std::string(name);
        // What a link leads to may be more than this command, as systemd is more than init.
        if (draft.facts.look(above + folder).kind != PathFact::Kind::Folder ||
            draft.facts.look(above + path).kind != PathFact::Kind::File)
            return false;
        mount(recipe::MountKind::Cover, path, "bin/stead");
        return true;
    };
    for (const char* folder : {"/usr/bin", "/bin"})
        covered = cover(folder, "systemctl") || covered;
    for (const char* folder : {"/usr/sbin", "/sbin"}) {
        for (const std::string_view name : kEndings)
            cover(folder, name);
        for (const std::string_view name : kRunlevels)
            cover(folder, name);
    }
    if (root.read_only && !covered)
        draft.context.notices.emplace_back(
            "the root is a read-only folder without a systemctl that Stead's could lie over: "
            "packages' scripts find none");
}

void set_machine_id(Draft& draft) {
    const unitfile::Text& id = draft.spec.machine_id;
    if (id.value.empty()) return;
    const recipe::Root& root = draft.context.root;
    constexpr const char* kFile = "/etc/machine-id";
    const std::string below = (root.path == "/" ? "" : root.path) + kFile;
    if (!has_layer(draft, kFile) && draft.facts.look(below).kind != PathFact::Kind::File) {
        draft.report.error(id.place, "machine-id needs a file that it can lie over, and the root "
                                     "has no file /etc/machine-id; make one (it may be empty)");
        return;
    }
    recipe::Mount file;
    file.kind = recipe::MountKind::File;
    file.source = id.value + "\n";
    file.target = "/run/stead/machine-id";
    file.origin = origin_of(id.place);
    recipe::Mount cover = file;
    cover.kind = recipe::MountKind::Cover;
    cover.source = "machine-id";
    cover.target = kFile;
    draft.context.mounts.push_back(std::move(file));
    draft.context.mounts.push_back(std::move(cover));
}

void add_bind_target(Draft& draft, const std::string& path, bool is_folder) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        const bool last = slash == std::string::npos;
        const auto kind = kind_in_image(draft, part);
        // What is there is used as it is, wherever a link leads.
        if (kind != PathFact::Kind::Missing && kind != PathFact::Kind::Folder) return;
        if (kind == PathFact::Kind::Missing && !has_layer(draft, part))
            add(draft, last && !is_folder ? LayerKind::File : LayerKind::Folder, part);
        if (last) return;
    }
}

} // namespace stead::compile
