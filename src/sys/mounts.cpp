#include "sys/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace stead::sys {

namespace {

// Not in every C library's headers: musl's and older glibc's sys/mount.h know no new mount calls,
// and linux/mount.h cannot be included beside it.
constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kRecursive = 0x8000;
constexpr unsigned kMoveFromEmptyPath = 0x4;
constexpr unsigned kMoveToEmptyPath = 0x40;
constexpr std::uint64_t kAttributeIdMap = 0x00100000;

struct Attributes {
    std::uint64_t set = 0;
    std::uint64_t clear = 0;
    std::uint64_t propagation = 0;
    std::uint64_t user_namespace = 0;
};

} // namespace

Result<UniqueFd> clone_mount(int folder, const char* path, bool recursive) {
    unsigned flags = kOpenTreeClone | O_CLOEXEC;
    if (*path == '\0') flags |= AT_EMPTY_PATH;
    if (recursive) flags |= kRecursive;
    const auto fd = static_cast<int>(::syscall(SYS_open_tree, folder, path, flags));
    if (fd < 0) return last_error("open_tree", path);
    return UniqueFd(fd);
}

Result<void> change_mount(int mount, const MountChange& change) {
    Attributes attributes{change.set, change.clear, MS_PRIVATE, 0};
    if (change.user_namespace >= 0) {
        attributes.set |= kAttributeIdMap;
        attributes.user_namespace = static_cast<std::uint64_t>(change.user_namespace);
    }
    const unsigned flags = AT_EMPTY_PATH | (change.recursive ? kRecursive : 0U);
    if (::syscall(SYS_mount_setattr, mount, "", flags, &attributes, sizeof attributes) < 0) {
        return last_error("mount_setattr");
    }
    return {};
}

Result<void> attach_mount(int mount, int target) {
    const unsigned flags = kMoveFromEmptyPath | kMoveToEmptyPath;
    if (::syscall(SYS_move_mount, mount, "", target, "", flags) < 0)
        return last_error("move_mount");
    return {};
}

Result<void> attach_mount_at(int mount, int folder, const char* name) {
    if (::syscall(SYS_move_mount, mount, "", folder, name, kMoveFromEmptyPath) < 0) {
        return last_error("move_mount", name);
    }
    return {};
}

Result<void> mount_filesystem(const char* source,
                              const char* target,
                              const char* type,
                              std::uint64_t flags,
                              const char* options) {
    if (::mount(source, target, type, flags, options) < 0) return last_error("mount");
    return {};
}

Result<void> bind_mount(const char* source, const char* target) {
    if (::mount(source, target, nullptr, MS_BIND, nullptr) < 0) return last_error("mount");
    return {};
}

Result<void> remount_bind(const char* target, std::uint64_t flags) {
    if (::mount(nullptr, target, nullptr, MS_BIND | MS_REMOUNT | flags, nullptr) < 0) {
        return last_error("mount");
    }
    return {};
}

Result<void> make_all_private() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
        return last_error("mount");
    return {};
}

Result<void> detach_mount(const char* target) {
    if (::umount2(target, MNT_DETACH) < 0) return last_error("umount2", target);
    return {};
}

Result<void> pivot_into_working_directory() {
    if (::syscall(SYS_pivot_root, ".", ".") < 0) return last_error("pivot_root");
    // The old root now lies on top of the new one at ".", and is what "." unmounts.
    if (::umount2(".", MNT_DETACH) < 0) return last_error("umount2");
    return {};
}

} // namespace stead::sys
