#pragma once

#include <cstdint>

#include "base/result.h"
#include "sys/unique_fd.h"

/// Mounts on descriptors. An Error's subject is left to the caller, who knows the purpose.
namespace stead::sys {

/// MOUNT_ATTR_* of mount_setattr(2); the first four have the values of MS_RDONLY and so on.
inline constexpr std::uint64_t kMountReadOnly = 0x1;
inline constexpr std::uint64_t kMountNoSuid = 0x2;
inline constexpr std::uint64_t kMountNoDevice = 0x4;
inline constexpr std::uint64_t kMountNoExecute = 0x8;

/// open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at `path` below `folder` (an
/// empty path: at `folder` itself), from that file or folder on. It vanishes with its descriptor
/// unless it is attached.
Result<UniqueFd> clone_mount(int folder, const char* path, bool recursive);

/// mount_setattr(2) on the mount whose root `mount` is. It also takes the mount out of its
/// propagation group: a copy would otherwise stay a peer of what it was copied from.
struct MountChange {
    std::uint64_t set = 0;
    std::uint64_t clear = 0;
    bool recursive = false;
    /// MOUNT_ATTR_IDMAP with the id map of this user namespace; -1: none.
    int user_namespace = -1;
};

Result<void> change_mount(int mount, const MountChange& change);

/// A detached copy of the mount of `program` that can be executed and read, and nothing else,
/// whatever the mount it lies on allows.
Result<UniqueFd> seal_program(int program);

/// move_mount(2): attaches a detached mount on the folder or file `target`.
Result<void> attach_mount(int mount, int target);
/// The same, by name below `folder`, for folders that nobody else can change.
Result<void> attach_mount_at(int mount, int folder, const char* name);

/// fspick(2) and fsconfig(2) on the root of a mounted file system, whichever mount namespace it is
/// in: changes the `options` named and keeps the others as far as its type does.
Result<void> reconfigure(int mount, const char* options);

/// fsopen(2), fsconfig(2) and fsmount(2) of a new file system that is attached nowhere. `options`
/// is as in mount(2), "name=value,name"; `attributes` are those of MountChange.
Result<UniqueFd> make_mount(const char* type, const char* options, std::uint64_t attributes);

/// mount(2). Targets below a guest's root are given as DescriptorPath.
Result<void> mount_filesystem(const char* source,
                              const char* target,
                              const char* type,
                              std::uint64_t flags,
                              const char* options);
/// mount(2) MS_BIND; the copy has the flags of its source.
Result<void> bind_mount(const char* source, const char* target);
/// mount(2) MS_REC | MS_PRIVATE on `/`: nothing propagates into or out of this mount namespace.
Result<void> make_all_private();
/// mount(2) MS_REC | MS_SLAVE on `/`: what the host mounts and unmounts still shows here, and
/// nothing of ours does there.
Result<void> make_all_followers();

/// umount2(2) MNT_DETACH of what is seen at `target`.
Result<void> detach_mount(const char* target);

/// pivot_root(".", ".") and umount2(".", MNT_DETACH): the working directory, which must be the root
/// of a mount, becomes the root, and nothing of the old one stays reachable (pivot_root(2)).
Result<void> pivot_into_working_directory();

} // namespace stead::sys
