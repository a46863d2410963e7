#include "context/root.h"

#include <fcntl.h>

#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/path.h"

namespace stead::context {

namespace {

// The limits of what lives in memory: a root of binds needs a few folders; a root whose changes
// live in memory may take a quarter of it, which a memory level then cuts further.
constexpr const char* kProgramsOptions = "size=1m,nr_inodes=1024,mode=755";
constexpr const char* kEphemeralOptions = "size=25%,nr_inodes=400000,mode=755";

std::uint64_t root_attributes(const recipe::Context& recipe) {
    std::uint64_t attributes = sys::kMountNoDevice;
    if (recipe.no_new_privileges) attributes |= sys::kMountNoSuid;
    return attributes;
}

/// Mounts on "/" stack up; the root of the process stays the lowest of them, and ".." of it is the
/// highest (path_resolution(7) crosses mounts after "..").
Result<sys::UniqueFd> open_top() {
    return sys::open_at(AT_FDCWD, "/..", O_PATH | O_DIRECTORY);
}

/// The folder on disk, with the guest's ids: a detached mount.
Result<sys::UniqueFd> clone_folder(const recipe::Context& recipe, int user_namespace) {
    const char* path = recipe.root.path.c_str();
    // One resolution: the descriptor stays what it is, whatever happens to the path.
    const sys::UniqueFd folder = TRY(sys::open_at(AT_FDCWD, path, O_PATH | O_DIRECTORY));
    auto mount = sys::clone_mount(folder.get(), "", /*recursive=*/false);
    if (!mount) return about(mount.error(), path, {});
    sys::MountChange change;
    change.set = root_attributes(recipe);
    change.user_namespace = user_namespace;
    if (auto changed = sys::change_mount(mount->get(), change); !changed) {
        return about(changed.error(),
                     user_namespace >= 0 ? "an id-mapped root (the file system may not support it)"
                                         : "the root",
                     recipe.root.path);
    }
    return mount;
}

Result<sys::UniqueFd> make_directory_root(const recipe::Context& recipe, int user_namespace) {
    sys::UniqueFd mount = TRY(clone_folder(recipe, user_namespace));
    if (user_namespace >= 0) {
        const struct stat status = TRY(sys::status_at(mount.get(), "", AT_EMPTY_PATH));
        if (status.st_uid != recipe.ids.first || status.st_gid != recipe.ids.first) {
            return make_error("the root folder must belong to root on disk (chown 0:0), which is "
                              "the guest's root through the id map:",
                              recipe.root.path, 0);
        }
    }
    TRY(sys::attach_mount_at(mount.get(), AT_FDCWD, "/"));
    return mount;
}

Result<sys::UniqueFd> make_programs_root(const recipe::Context& recipe) {
    const std::string options = tmpfs_options(recipe, {kProgramsOptions});
    const auto flags = sys::kMountNoDevice | sys::kMountNoSuid;
    if (auto made = sys::mount_filesystem("stead", "/", "tmpfs", flags, options.c_str()); !made) {
        return about(made.error(), "the root's tmpfs", {});
    }
    return open_top();
}

/// Layers of an overlay must be attached in this mount namespace (before Linux 6.12), so upper,
/// work and an id-mapped lower folder lie on a tmpfs that nothing reaches once the old root is
/// gone.
Result<sys::UniqueFd> make_ephemeral_root(const recipe::Context& recipe, int user_namespace) {
    const std::string options = tmpfs_options(recipe, {kEphemeralOptions});
    TRY(sys::mount_filesystem("stead", "/", "tmpfs", sys::kMountNoDevice, options.c_str()));
    const sys::UniqueFd memory = TRY(open_top());
    TRY(sys::make_folder(memory.get(), "upper", 0755));
    TRY(sys::make_folder(memory.get(), "work", 0755));

    sys::UniqueFd lower;
    if (user_namespace >= 0) {
        lower = TRY(clone_folder(recipe, user_namespace));
        TRY(sys::make_folder(memory.get(), "lower", 0755));
        TRY(sys::attach_mount_at(lower.get(), memory.get(), "lower"));
    } else {
        lower = TRY(sys::open_at(AT_FDCWD, recipe.root.path.c_str(), O_PATH | O_DIRECTORY));
    }

    // Through descriptors: no name of the host's shows inside, and none needs escaping.
    const std::string base = sys::DescriptorPath(memory.get()).c_str();
    const std::string layers = std::string("lowerdir=") + sys::DescriptorPath(lower.get()).c_str() +
                               ",upperdir=" + base + "/upper,workdir=" + base + "/work";
    auto made =
        sys::mount_filesystem("stead", "/", "overlay", root_attributes(recipe), layers.c_str());
    if (!made) return about(made.error(), "an overlay in memory above", recipe.root.path);
    return open_top();
}

} // namespace

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

Result<sys::UniqueFd> make_root(const recipe::Context& recipe, int user_namespace) {
    switch (recipe.root.kind) {
    case recipe::RootKind::Directory:
        return make_directory_root(recipe, user_namespace);
    case recipe::RootKind::EphemeralOverlay:
        return make_ephemeral_root(recipe, user_namespace);
    case recipe::RootKind::HostPrograms:
        return make_programs_root(recipe);
    }
    return make_error("root", recipe.root.path, EINVAL);
}

} // namespace stead::context
