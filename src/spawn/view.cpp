#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "spawn/steps.h"
#include "sys/privileges.h"
#include "sys/unique_fd.h"

/// The file system as one unit sees it. Everything works on descriptors: between looking at a place
/// and covering it nobody can put another one there.
namespace stead::spawn {

namespace {

constexpr std::uint64_t kSysAdmin = std::uint64_t{1} << CAP_SYS_ADMIN;

// Not in musl's headers, and linux/mount.h cannot be included beside sys/mount.h.
constexpr unsigned kClone = 1;
constexpr unsigned kRecursive = 0x8000;
constexpr unsigned kBothEmptyPaths = 0x44;
constexpr unsigned kFromEmptyPath = 0x4;
constexpr unsigned kReadOnly = 0x1;

// Landlock's, on every architecture.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
/// Execute, write, read, truncate, ioctl: what can be done to what is no folder.
constexpr std::uint64_t kOfFiles = 0xc007;

int open_tree(int folder, const char* path, unsigned flags) {
    return static_cast<int>(
        ::syscall(SYS_open_tree, folder, path, AT_EMPTY_PATH | O_CLOEXEC | kClone | flags));
}

int change(int mount, bool writable, unsigned flags) {
    std::array<std::uint64_t, 4> attributes{};
    attributes[writable ? 1 : 0] = kReadOnly;
    return static_cast<int>(::syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags,
                                      attributes.data(), sizeof attributes));
}

/// Read-only with everything below, or writable. What the guest itself was given read-only stays
/// so: the kernel refuses to change it, and a place above it is then changed alone.
int change_all(int mount, bool writable) {
    const int done = change(mount, writable, kRecursive);
    return done < 0 && errno == EPERM && writable ? change(mount, writable, 0) : done;
}

/// A file system that is not there yet; `path` may be a link, for it gives nothing away.
int mount_new(const char* type, const char* path, unsigned flags, const char* options) {
    return static_cast<int>(
        ::syscall(SYS_mount, type, path, type, MS_NOSUID | MS_NODEV | flags, options));
}

/// The unit's own cgroup and what is below it are its user's (cgroups(7), "Delegation").
int delegate(const Child& child, const char* path) {
    // Over the guest's own: the kernel mounts nothing right upon itself.
    if (mount_new("tmpfs", path, 0, nullptr) < 0 ||
        mount_new("cgroup2", path, MS_NOEXEC, nullptr) < 0)
        return -1;
    const sys::UniqueFd root(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (const char* file : {".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"})
        if (::syscall(SYS_fchownat, root.get(), file, child.exec.uid, child.exec.gid, 0) < 0)
            return -1;
    return 0;
}

/// Brings the last component of `path` back from `covered`, the folder that was there before: a
/// link as a link, everything else itself. 0 or errno.
int bring_back(int covered, const char* path) {
    const char* name = path + std::string_view(path).rfind('/') + 1;
    std::array<char, 256> text{};
    if (::syscall(SYS_readlinkat, covered, name, text.data(), text.size() - 1) > 0)
        return ::symlinkat(text.data(), AT_FDCWD, path) < 0 ? errno : 0;
    const sys::UniqueFd tree(open_tree(covered, name, kRecursive));
    if (!tree) return errno;

    struct stat about {};

    (void)::fstat(tree.get(), &about); // of an open file: there is no other answer
    const int made = S_ISDIR(about.st_mode)
                         ? ::mkdirat(AT_FDCWD, path, 0755)
                         : static_cast<int>(::syscall(SYS_mknodat, AT_FDCWD, path, S_IFREG, 0));
    if (made < 0 || ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, path, kFromEmptyPath) < 0)
        return errno;
    return 0;
}

/// What Landlock allows at `target`. 0 or errno.
int allow(const Child& child, char kind, int target) {
    // struct landlock_path_beneath_attr, which ends with the descriptor's 32 bits.
    std::array<std::uint64_t, 2> rule{child.exec.landlock[3 + static_cast<std::size_t>(kind - 'A')],
                                      static_cast<std::uint64_t>(target)};
    const auto add = [&] { return ::syscall(kAddRule, child.ruleset, 1, rule.data(), 0); };
    if (add() == 0) return 0;
    // Of a file there is less to allow than of a folder.
    rule[0] &= kOfFiles;
    return errno == EINVAL && rule[0] != 0 && add() == 0 ? 0 : errno;
}

/// The rules but for those of places.
void make_rules(Child& child) {
    const auto rules = child.exec.landlock;
    if (rules.empty()) return;
    child.ruleset =
        static_cast<int>(::syscall(kCreateRuleset, rules.data(), 3 * sizeof(std::uint64_t), 0));
    for (std::size_t at = 6; child.ruleset >= 0 && at < rules.size(); at += 2)
        if (::syscall(kAddRule, child.ruleset, 2, &rules[at], 0) < 0) child.ruleset = -1;
    if (child.ruleset < 0) fail(child, SpawnStage::Landlock);
}

/// Covers or changes the whole of `target`, which lies at `path`; -1 with errno.
int apply_whole(const Child& child, char kind, int target, const char* path) {
    switch (kind) {
    case 'c':
        return delegate(child, path);
    case 'd':
        return mount_new("tmpfs", path, MS_NOEXEC, "mode=755,size=64k,nr_inodes=64");
    case 't':
        return mount_new("tmpfs", path, 0, "size=10%,nr_inodes=200k");
    case 'h':
        return mount_new("tmpfs", path, MS_RDONLY | MS_NOEXEC, "mode=0");
    default:
        return change_all(target, kind == 'w');
    }
}

/// 0 or errno. `covered` is the folder that the last 'd' has covered.
int apply(const Child& child, char kind, const char* path, sys::UniqueFd& covered) {
    if (kind == 'b') return bring_back(covered.get(), path);
    const bool writable = kind == 'w';
    // A link that somebody planted must not choose what the unit may write to.
    const open_how how{O_PATH | O_CLOEXEC, 0, writable ? RESOLVE_NO_SYMLINKS : 0UL};
    sys::UniqueFd target(
        static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how)));
    if (!target) return errno;
    if (kind < 'a') return allow(child, kind, target.get());
    if (apply_whole(child, kind, target.get(), path) == 0) {
        if (kind == 'd') covered = std::move(target);
        return 0;
    }
    // Only a folder can be covered by a folder, and only the root of a mount be changed: a file to
    // hide comes to be null, and what is to be changed comes to be a mount.
    if (errno != EINVAL && errno != ENOTDIR) return errno;
    const sys::UniqueFd cover(open_tree(target.get(), kind == 'h' ? "/dev/null" : "", kRecursive));
    if (!cover || change_all(cover.get(), writable) < 0) return errno;
    const auto moved =
        ::syscall(SYS_move_mount, cover.get(), "", target.get(), "", kBothEmptyPaths);
    return moved < 0 ? errno : 0;
}

/// Where this is best effort the unit's own log tells that it was not enough.
void fail_or_tell(const Child& child, SpawnStage stage, int error) {
    constexpr std::string_view kText = "[files] is not all in force\n";
    fail_if_strict(child, stage, error);
    (void)!::write(STDERR_FILENO, kText.data(), kText.size());
}

/// A mount namespace, and whatever else the unit has for itself.
void leave_namespaces(const Child& child) {
    const StringList& view = child.exec.view;
    // Landlock's places need none.
    const bool mounts = !view.empty() && view.c_str(0)[0] >= 'a';
    if (!mounts && child.exec.namespaces == 0) return;
    // Permitted to PID 1 of a guest with its own users, and in force only here.
    const auto now = sys::capabilities();
    if (now)
        (void)sys::set_capabilities(
            {now->effective | (now->permitted & kSysAdmin), now->permitted, now->inheritable});
    // The guest's later mounts are seen here, and none of these there.
    if (::syscall(SYS_unshare, child.exec.namespaces | CLONE_NEWNS) < 0 ||
        ::syscall(SYS_mount, nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0)
        return fail_or_tell(child, SpawnStage::Namespaces, errno);
}

} // namespace

void set_view(Child& child) {
    make_rules(child);
    leave_namespaces(child);
    const StringList& view = child.exec.view;
    sys::UniqueFd covered;
    for (std::size_t i = 0; i < view.size(); ++i) {
        // Strings of a plan end in NUL.
        const char* place = view.c_str(i);
        const bool optional = place[1] == '-';
        const int error = apply(child, place[0], place + (optional ? 2 : 1), covered);
        // What may be missing may also be out of the guest's own reach.
        if (error == 0 || (optional && (error == ENOENT || error == EPERM))) continue;
        if (place[0] < 'a') fail(child, SpawnStage::Landlock, error);
        fail_or_tell(child, SpawnStage::Files, error);
    }
}

} // namespace stead::spawn
