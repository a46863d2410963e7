#include "sys/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

#include "base/fixed_string.h"
#include "base/words.h"

namespace stead::sys {

namespace {

// Not in every C library's headers: musl's and older glibc's sys/mount.h know no new mount calls,
// and linux/mount.h cannot be included beside it.
constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kRecursive = 0x8000;
constexpr unsigned kMoveFromEmptyPath = 0x4;
constexpr unsigned kMoveToEmptyPath = 0x40;
constexpr unsigned kFsOpenCloseOnExec = 1;
constexpr unsigned kFsMountCloseOnExec = 1;
constexpr unsigned kSetFlag = 0;
constexpr unsigned kSetString = 1;
constexpr unsigned kCreate = 6;
constexpr std::uint64_t kAttributeIdMap = 0x00100000;

struct Attributes {
    std::uint64_t set = 0;
    std::uint64_t clear = 0;
    std::uint64_t propagation = 0;
    std::uint64_t user_namespace = 0;
};

/// One "name=value" or "name" of a file system that is being made.
Result<void> configure(int context, std::string_view option) {
    std::string_view rest = option;
    const FixedString<64> name(take_part(rest, '='));
    const FixedString<64> value(rest);
    const bool flag = name.size() == option.size();
    const unsigned command = flag ? kSetFlag : kSetString;
    const char* text = flag ? nullptr : value.c_str();
    if (::syscall(SYS_fsconfig, context, command, name.c_str(), text, 0) < 0)
        return last_error("fsconfig", option);
    return {};
}

Result<void> configure_all(int context, std::string_view options) {
    while (!options.empty()) {
        TRY(configure(context, take_part(options, ',')));
    }
    return {};
}

} // namespace

Result<void> reconfigure(int mount, const char* options) {
    constexpr unsigned kCloseOnExec = 1;
    constexpr unsigned kEmptyPath = 8;
    constexpr unsigned kReconfigure = 7;
    const UniqueFd context(
        static_cast<int>(::syscall(SYS_fspick, mount, "", kCloseOnExec | kEmptyPath)));
    if (!context) return last_error("fspick");
    TRY(configure_all(context.get(), options));
    if (::syscall(SYS_fsconfig, context.get(), kReconfigure, nullptr, nullptr, 0) < 0)
        return last_error("fsconfig", options);
    return {};
}

Result<UniqueFd> make_mount(const char* type, const char* options, std::uint64_t attributes) {
    UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, type, kFsOpenCloseOnExec)));
    if (!context) return last_error("fsopen", type);
    TRY(configure_all(context.get(), options));
    if (::syscall(SYS_fsconfig, context.get(), kCreate, nullptr, nullptr, 0) < 0)
        return last_error("fsconfig", type);
    UniqueFd mount(
        static_cast<int>(::syscall(SYS_fsmount, context.get(), kFsMountCloseOnExec, attributes)));
    if (!mount) return last_error("fsmount", type);
    return mount;
}

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

Result<UniqueFd> seal_program(int program) {
    UniqueFd copy = TRY(clone_mount(program, "", /*recursive=*/false));
    TRY(change_mount(copy.get(), {.set = kMountReadOnly | kMountNoSuid | kMountNoDevice,
                                  .clear = kMountNoExecute}));
    return copy;
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

Result<void> make_all_private() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
        return last_error("mount");
    return {};
}

Result<void> make_all_followers() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) return last_error("mount");
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
