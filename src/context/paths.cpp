#include "context/paths.h"

#include <algorithm>
#include <climits>

namespace stead::context {

namespace {

/// Whether this step puts another file system at its target.
bool covers(const recipe::Mount& mount) {
    using recipe::MountKind;
    return mount.kind == MountKind::Tmpfs || mount.kind == MountKind::Bind ||
           mount.kind == MountKind::Cgroup || mount.kind == MountKind::Mask ||
           is_new_instance(mount.kind);
}

/// The last of the recipe's mounts that `path` lies in or below; null: the root itself.
const recipe::Mount* find_cover(const recipe::Context& recipe, std::string_view path) {
    const recipe::Mount* found = nullptr;
    for (const recipe::Mount& mount : recipe.mounts) {
        if (!covers(mount) || !is_below(path, mount.target)) continue;
        if (found == nullptr || mount.target.size() >= found->target.size()) found = &mount;
    }
    return found;
}

} // namespace

std::string_view parent_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == 0 || slash == std::string_view::npos ? "/" : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

bool is_new_instance(recipe::MountKind kind) {
    using recipe::MountKind;
    return kind == MountKind::Proc || kind == MountKind::Sysfs || kind == MountKind::Mqueue ||
           kind == MountKind::Devpts;
}

bool is_below(std::string_view path, std::string_view folder) {
    if (folder == "/") return true;
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool is_clean_path(std::string_view path) {
    if (path.empty() || path.front() != '/' || path.size() >= PATH_MAX) return false;
    if (path == "/") return true;
    path.remove_prefix(1);
    for (;;) {
        const auto slash = path.find('/');
        const std::string_view name = path.substr(0, slash);
        if (name.empty() || name == "." || name == ".." || name.size() > NAME_MAX) return false;
        if (name.find('\0') != std::string_view::npos) return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
    }
}

bool is_ours(const recipe::Context& recipe, std::string_view path) {
    // What is made at a path is made in its parent folder; a mount of the recipe on the very path
    // comes later and covers it.
    const recipe::Mount* cover = find_cover(recipe, parent_of(path));
    if (cover != nullptr) return cover->kind == recipe::MountKind::Tmpfs;
    // Of an image the guest's changes on disk are its own, those in memory end with it.
    return recipe.root.kind != recipe::RootKind::Directory &&
           (recipe.root.kind != recipe::RootKind::Image || recipe.root.changes.empty());
}

bool has_only_our_names(const recipe::Context& recipe, std::string_view path) {
    for (std::string_view at = parent_of(path);; at = parent_of(at)) {
        const recipe::Mount* cover = find_cover(recipe, at);
        if (cover == nullptr) return recipe.root.kind == recipe::RootKind::HostPrograms;
        if (cover->kind != recipe::MountKind::Tmpfs || at == "/") return false;
        if (cover->target == at) continue;
        at = cover->target;
    }
}

bool is_late(const recipe::Context& recipe, const recipe::Mount& mount) {
    if (is_new_instance(mount.kind)) return true;
    // Most lie below none of them, which is seen sooner than what they do lie in.
    const bool below_one =
        std::any_of(recipe.mounts.begin(), recipe.mounts.end(), [&](const recipe::Mount& other) {
            return is_new_instance(other.kind) && is_below(mount.target, other.target);
        });
    if (!below_one) return false;
    const recipe::Mount* cover = find_cover(recipe, parent_of(mount.target));
    return cover != nullptr && cover != &mount && is_late(recipe, *cover);
}

} // namespace stead::context
