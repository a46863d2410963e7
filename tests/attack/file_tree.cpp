// Ways out of the root directory, and control groups.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "attack/probe.h"

namespace stead::attack {

namespace {

struct Place {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Place&) const = default;
};

Place place_of(const char* path) {
    struct stat status {};

    return ::stat(path, &status) < 0 ? Place{} : Place{status.st_dev, status.st_ino};
}

/// The oldest trick: a chroot below the working directory, and up from there.
Outcome chroot_escape() {
    const Place root = place_of("/");
    if (::mkdir((scratch() + "/cell").c_str(), 0700) < 0) return refused(errno);
    if (::chroot((scratch() + "/cell").c_str()) < 0) return refused(errno);
    for (int i = 0; i < 64; ++i) {
        if (::chdir("..") < 0) return refused(errno);
    }
    // Up from the chroot is the guest's root: that is not outside.
    return place_of(".") == root ? refused(0, "ends at the guest's root") : done();
}

Outcome other_root(const char* path) {
    const Place there = place_of(path);
    if (there == Place{}) return refused(errno);
    return there == place_of("/") ? refused(0, "the guest's own root") : done();
}

Outcome opens_by_handle(const char* path) {
    FileHandle handle;
    if (!handle.take(path))
        return errno == EOPNOTSUPP ? absent("this file system has no handles") : refused(errno);
    const int base = ::open(path, O_RDONLY | O_CLOEXEC);
    return tried(::open_by_handle_at(base, handle.get(), O_RDONLY | O_CLOEXEC));
}

Outcome attribute_flag(long flag) {
    const int fd = scratch_file("flagged");
    long flags = 0;
    if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return absent("no attribute flags here");
    flags |= flag;
    const Outcome outcome = tried(::ioctl(fd, FS_IOC_SETFLAGS, &flags));
    flags &= ~flag;
    (void)::ioctl(fd, FS_IOC_SETFLAGS, &flags);
    return outcome;
}

/// Every mount below /proc, /sys and /dev that somebody put over something: can it be taken away?
Outcome uncover(bool unmount) {
    std::ifstream mounts("/proc/self/mountinfo");
    std::string line;
    int seen = 0;
    while (std::getline(mounts, line)) {
        char path[512];
        // Fields: id, parent, device, root, mount point.
        if (std::sscanf(line.c_str(), "%*s %*s %*s %*s %511s", path) != 1) continue;
        const std::string point = path;
        if (!point.starts_with("/proc/") && !point.starts_with("/sys/")) continue;
        ++seen;
        const int result = unmount ? ::umount2(path, MNT_DETACH)
                                   : ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND, nullptr);
        if (result == 0) return done();
    }
    return seen > 0 ? refused(errno) : absent("nothing is covered");
}

Outcome cgroup_write(const char* file) {
    return tried(::open((std::string("/sys/fs/cgroup/") + file).c_str(), O_WRONLY | O_CLOEXEC));
}

const Probe kProbes[] = {
    {"escape.chroot", Want::Forbidden, chroot_escape},
    {"escape.proc-1-root", Want::Forbidden, [] { return other_root("/proc/1/root"); }},
    {"escape.proc-1-cwd", Want::Forbidden,
     [] {
         struct stat status {};

         if (::stat("/proc/1/cwd", &status) < 0) return refused(errno);
         return other_root("/proc/1/cwd");
     }},
    {"escape.working-directory", Want::Forbidden,
     [] {
         char path[4096];
         if (::getcwd(path, sizeof path) == nullptr) return refused(errno);
         return std::strncmp(path, "(unreachable)", 13) == 0 ? done() : refused(0, "inside");
     }},
    {"escape.file-handle-root", Want::Forbidden, [] { return opens_by_handle("/"); }},
    {"escape.file-handle-tmp", Want::Forbidden, [] { return opens_by_handle(scratch().c_str()); }},
    {"escape.file-handle-proc", Want::Forbidden, [] { return opens_by_handle("/proc/self"); }},
    {"mask.unmount", Want::Forbidden, [] { return uncover(true); }},
    {"mask.remount-writable", Want::Forbidden, [] { return uncover(false); }},
    {"mask.fresh-proc", Want::Forbidden,
     [] { return tried(::mount("proc", scratch().c_str(), "proc", 0, nullptr)); }},
    {"mask.proc-sys-through-bind", Want::Forbidden,
     [] { return tried(::mount("/proc/sys", scratch().c_str(), nullptr, MS_BIND, nullptr)); }},
    {"attribute.immutable", Want::Forbidden, [] { return attribute_flag(FS_IMMUTABLE_FL); }},
    {"attribute.append-only", Want::Forbidden, [] { return attribute_flag(FS_APPEND_FL); }},
    {"attribute.trusted", Want::Forbidden,
     [] {
         const int fd = scratch_file("trusted");
         return tried(::fsetxattr(fd, "trusted.attack", "x", 1, 0));
     }},
    {"cgroup.move", Want::Forbidden, [] { return cgroup_write("cgroup.procs"); }},
    {"cgroup.limit", Want::Forbidden, [] { return cgroup_write("cgroup.max.depth"); }},
    {"cgroup.kill", Want::Forbidden, [] { return cgroup_write("cgroup.kill"); }},
    {"cgroup.freeze", Want::Forbidden, [] { return cgroup_write("cgroup.freeze"); }},
    {"cgroup.subgroup", Want::Forbidden,
     [] {
         const Outcome outcome = tried(::mkdir("/sys/fs/cgroup/attack", 0755));
         (void)::rmdir("/sys/fs/cgroup/attack");
         return outcome;
     }},
    {"cgroup.mount-v2", Want::Forbidden,
     [] { return tried(::mount("cgroup2", scratch().c_str(), "cgroup2", 0, nullptr)); }},
    {"cgroup.mount-v1", Want::Forbidden,
     [] { return tried(::mount("cgroup", scratch().c_str(), "cgroup", 0, "none,name=attack")); }},
    {"stead.replace-control", Want::Forbidden,
     [] {
         const Outcome outcome = tried(::rename("/run/stead/control", "/run/stead/control.old"));
         if (outcome.kind == Outcome::kDone)
             (void)::rename("/run/stead/control.old", "/run/stead/control");
         return outcome.error == ENOENT ? absent("no control socket here") : outcome;
     }},
    {"stead.move-folder", Want::Forbidden,
     [] {
         const Outcome outcome = tried(::rename("/run/stead", "/run/stead.old"));
         if (outcome.kind == Outcome::kDone) (void)::rename("/run/stead.old", "/run/stead");
         return outcome.error == ENOENT ? absent("no folder of stead here") : outcome;
     }},
    {"stead.write-program", Want::Forbidden,
     [] {
         const int fd = ::open("/run/stead/bin/stead", O_WRONLY | O_CLOEXEC);
         return fd < 0 && errno == ENOENT ? absent("no stead inside") : tried(fd);
     }},
};

} // namespace

std::span<const Probe> file_tree_probes() {
    return kProbes;
}

} // namespace stead::attack
