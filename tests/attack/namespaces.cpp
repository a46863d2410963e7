// New namespaces, joined namespaces, and the mount calls old and new.

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#include "attack/probe.h"

namespace stead::attack {

namespace {

Outcome unshares(int flag) {
    return tried(::unshare(flag));
}

Outcome clones(unsigned long flag) {
    const long pid = ::syscall(SYS_clone, flag | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0) ::_exit(0);
    if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
    return tried(pid);
}

Outcome clone3(unsigned long flags) {
    struct clone_args arguments {};

    arguments.flags = flags;
    arguments.exit_signal = SIGCHLD;
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) ::_exit(0);
    if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
    return tried(pid);
}

Outcome joins(const char* path) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return refused(errno);
    return tried(::setns(fd, 0));
}

#define UNSHARES(name, flag)                                                                       \
    {                                                                                              \
        "namespace.unshare-" name, Want::Forbidden, [] { return unshares(flag); }                  \
    }
#define CLONES(name, flag)                                                                         \
    {                                                                                              \
        "namespace.clone-" name, Want::Forbidden, [] { return clones(flag); }                      \
    }

const Probe kNamespaces[] = {
    UNSHARES("mount", CLONE_NEWNS),
    UNSHARES("pid", CLONE_NEWPID),
    UNSHARES("network", CLONE_NEWNET),
    UNSHARES("ipc", CLONE_NEWIPC),
    UNSHARES("uts", CLONE_NEWUTS),
    UNSHARES("cgroup", CLONE_NEWCGROUP),
    UNSHARES("user", CLONE_NEWUSER),
    UNSHARES("time", CLONE_NEWTIME),
    UNSHARES("user-and-mount", CLONE_NEWUSER | CLONE_NEWNS),
    CLONES("mount", CLONE_NEWNS),
    CLONES("pid", CLONE_NEWPID),
    CLONES("network", CLONE_NEWNET),
    CLONES("ipc", CLONE_NEWIPC),
    CLONES("uts", CLONE_NEWUTS),
    CLONES("cgroup", CLONE_NEWCGROUP),
    CLONES("user", CLONE_NEWUSER),
    {"namespace.clone3-plain", Want::Forbidden, [] { return clone3(0); }},
    {"namespace.clone3-user", Want::Forbidden, [] { return clone3(CLONE_NEWUSER); }},
    {"namespace.join-mount-of-1", Want::Forbidden, [] { return joins("/proc/1/ns/mnt"); }},
    {"namespace.join-user-of-1", Want::Forbidden, [] { return joins("/proc/1/ns/user"); }},
    {"namespace.join-own-network", Want::Forbidden, [] { return joins("/proc/self/ns/net"); }},
    {"namespace.join-own-uts", Want::Forbidden, [] { return joins("/proc/self/ns/uts"); }},
};

constexpr unsigned kFsopenCloexec = 1;
constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kFspickCloexec = 1;

Outcome set_attributes() {
    struct {
        unsigned long set = 0x2; // MOUNT_ATTR_NOSUID
        unsigned long clear = 0;
        unsigned long propagation = 0;
        unsigned long user_namespace = 0;
    } attributes;

    return granted(
        ::syscall(SYS_mount_setattr, AT_FDCWD, "/proc", 0, &attributes, sizeof attributes));
}

Outcome mounts(const char* source, const char* type, unsigned long flags) {
    const Outcome outcome = tried(::mount(source, scratch().c_str(), type, flags, nullptr));
    if (outcome.kind == Outcome::kDone) (void)::umount2(scratch().c_str(), MNT_DETACH);
    return outcome;
}

const Probe kMounts[] = {
    {"mount.tmpfs", Want::Forbidden, [] { return mounts("none", "tmpfs", 0); }},
    {"mount.sysfs", Want::Forbidden, [] { return mounts("none", "sysfs", 0); }},
    {"mount.devpts", Want::Forbidden, [] { return mounts("none", "devpts", 0); }},
    {"mount.mqueue", Want::Forbidden, [] { return mounts("none", "mqueue", 0); }},
    {"mount.ramfs", Want::Forbidden, [] { return mounts("none", "ramfs", 0); }},
    {"mount.bind", Want::Forbidden, [] { return mounts("/etc", nullptr, MS_BIND); }},
    {"mount.bind-root", Want::Forbidden, [] { return mounts("/", nullptr, MS_BIND | MS_REC); }},
    {"mount.shared-propagation", Want::Forbidden,
     [] { return tried(::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr)); }},
    {"mount.remount-root", Want::Forbidden,
     [] { return tried(::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr)); }},
    {"mount.umount", Want::Forbidden,
     [] { return granted(::umount2(scratch().c_str(), MNT_DETACH)); }},
    {"mount.pivot-root", Want::Forbidden,
     [] { return granted(::syscall(SYS_pivot_root, scratch().c_str(), scratch().c_str())); }},
    {"mount.open-tree", Want::Forbidden,
     [] { return tried(::syscall(SYS_open_tree, AT_FDCWD, "/", kOpenTreeClone)); }},
    {"mount.move-mount", Want::Forbidden,
     [] {
         return granted(::syscall(SYS_move_mount, -1, "", AT_FDCWD, scratch().c_str(),
                                  0x4 /* F_EMPTY_PATH */));
     }},
    {"mount.fsopen", Want::Forbidden,
     [] { return tried(::syscall(SYS_fsopen, "tmpfs", kFsopenCloexec)); }},
    {"mount.fsmount", Want::Forbidden, [] { return granted(::syscall(SYS_fsmount, -1, 0, 0)); }},
    {"mount.fspick", Want::Forbidden,
     [] { return tried(::syscall(SYS_fspick, AT_FDCWD, "/tmp", kFspickCloexec)); }},
    {"mount.setattr", Want::Forbidden, set_attributes},
    {"mount.quotactl", Want::Forbidden,
     [] {
         // Q_SYNC of user quotas, of all file systems.
         return granted(::syscall(SYS_quotactl, 0x800001U << 8U, nullptr, 0, nullptr));
     }},
};

} // namespace

std::span<const Probe> namespace_probes() {
    return kNamespaces;
}

std::span<const Probe> mount_probes() {
    return kMounts;
}

} // namespace stead::attack
