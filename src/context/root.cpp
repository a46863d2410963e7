#include "context/root.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/path.h"

namespace stead::context {

namespace {

// The limits of what lives in memory: a root of binds needs a few folders; a root whose changes
// live in memory may take a quarter of it, which a memory level then cuts further.
constexpr const char* kProgramsOptions = "size=1m,nr_inodes=1024,mode=755";
constexpr const char* kEphemeralOptions = "size=25%,nr_inodes=400000,mode=755";

Result<int> make_directory_root(const recipe::Context& recipe, int user_namespace) {
    const int mount = TRY(clone_folder(recipe, recipe.root.path, user_namespace));
    if (user_namespace >= 0) {
        const struct stat status = TRY(sys::status_at(mount, "", AT_EMPTY_PATH));
        if (status.st_uid != recipe.ids.first || status.st_gid != recipe.ids.first) {
            return make_error("with private users the root folder must belong to 0:0 on disk:",
                              recipe.root.path, 0);
        }
    }
    TRY(sys::attach_mount_at(mount, AT_FDCWD, kBuildingSite));
    return mount;
}

Result<int> make_programs_root(const recipe::Context& recipe) {
    const std::string options = tmpfs_options(recipe, {kProgramsOptions});
    auto made = sys::mount_filesystem("stead", kBuildingSite, "tmpfs",
                                      sys::kMountNoDevice | sys::kMountNoSuid, options.c_str());
    if (!made) return about(made.error(), "the root's tmpfs", {});
    return open_site();
}

/// Layers of an overlay must be attached in this mount namespace (before Linux 6.12), so upper,
/// work and an id-mapped lower folder lie on a tmpfs at the building site, and the overlay first,
/// too. The overlay keeps copies of its layers of its own.
Result<int> make_ephemeral_root(const recipe::Context& recipe, int user_namespace) {
    int lower = -1;
    if (user_namespace >= 0) {
        lower = TRY(clone_folder(recipe, recipe.root.path, user_namespace));
    } else {
        const char* path = recipe.root.path.c_str();
        lower = keep(TRY(sys::open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY)));
    }
    const std::string options = tmpfs_options(recipe, {kEphemeralOptions});
    TRY(sys::mount_filesystem("stead", kBuildingSite, "tmpfs", sys::kMountNoDevice,
                              options.c_str()));
    const int memory = TRY(open_site());
    for (const char* name : {"upper", "work", "merged", "lower"}) {
        TRY(sys::make_folder(memory, name, 0755));
    }
    if (user_namespace >= 0) TRY(sys::attach_mount_at(lower, memory, "lower"));

    // Through descriptors: no name of the host's shows inside, and none needs escaping.
    if (recipe.rootless_ids != 0)
        TRY(check_user_attributes(sys::DescriptorPath(memory, "upper").c_str(), recipe.root.path));
    const std::string layers = std::string(recipe.rootless_ids != 0 ? "userxattr," : "") +
                               "lowerdir=" + sys::DescriptorPath(lower).c_str() +
                               ",upperdir=" + sys::DescriptorPath(memory, "upper").c_str() +
                               ",workdir=" + sys::DescriptorPath(memory, "work").c_str();
    auto made = sys::mount_filesystem("stead", sys::DescriptorPath(memory, "merged").c_str(),
                                      "overlay", root_attributes(recipe), layers.c_str());
    if (!made) return about(made.error(), "an overlay in memory above", recipe.root.path);
    const int root = keep(TRY(sys::clone_mount(memory, "merged", /*recursive=*/false)));
    TRY(sys::detach_mount(kBuildingSite));
    TRY(sys::attach_mount_at(root, AT_FDCWD, kBuildingSite));
    return root;
}

} // namespace

std::uint64_t root_attributes(const recipe::Context& recipe) {
    std::uint64_t attributes = sys::kMountNoDevice;
    if (recipe.no_new_privileges) attributes |= sys::kMountNoSuid;
    return attributes;
}

Result<int> open_site() {
    return keep(TRY(sys::open_at(AT_FDCWD, kBuildingSite, O_PATH | O_DIRECTORY)));
}

Result<int>
clone_folder(const recipe::Context& recipe, const std::string& path, int user_namespace) {
    // One resolution: the descriptor stays what it is, whatever happens to the path.
    const int folder = keep(TRY(sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY)));
    auto mount = sys::clone_mount(folder, "", /*recursive=*/false);
    if (!mount) return about(mount.error(), path, {});
    sys::MountChange change;
    change.set = root_attributes(recipe);
    change.user_namespace = user_namespace;
    if (auto changed = sys::change_mount(mount->get(), change); !changed) {
        return about(changed.error(),
                     user_namespace >= 0 ? "an id-mapped root (the file system may not support it)"
                                         : "the root",
                     path);
    }
    return keep(*std::move(mount));
}

Result<void> check_user_attributes(const char* folder, const std::string& root) {
    constexpr const char* kProbe = "user.overlay.stead";
    if (::setxattr(folder, kProbe, "", 0, 0) < 0)
        return make_error(
            "memory above a folder needs root before Linux 6.6 (attributes on tmpfs):", root, 0);
    if (::removexattr(folder, kProbe) < 0) return last_error("removexattr", root);
    return {};
}

std::string tmpfs_options(const recipe::Context& recipe, const std::vector<std::string>& options) {
    std::string joined;
    for (const std::string& option : options) {
        if (!joined.empty()) joined += ',';
        joined += option;
    }
    if (recipe.users == recipe::Users::Private) {
        const std::string owner = std::to_string(recipe.ids.first);
        joined += (joined.empty() ? "uid=" : ",uid=") + owner + ",gid=" + owner;
    }
    return joined;
}

Result<int> make_root(const recipe::Context& recipe, int user_namespace) {
    switch (recipe.root.kind) {
    case recipe::RootKind::Directory:
        return make_directory_root(recipe, user_namespace);
    case recipe::RootKind::EphemeralOverlay:
        return make_ephemeral_root(recipe, user_namespace);
    case recipe::RootKind::HostPrograms:
        return make_programs_root(recipe);
    case recipe::RootKind::Image:
        return make_image_root(recipe, user_namespace);
    }
    return make_error("root", recipe.root.path, EINVAL);
}

} // namespace stead::context
