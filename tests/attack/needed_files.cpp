// What programs need of files, devices and terminals.

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include <pty.h>

#include "attack/probe.h"

namespace stead::attack {

namespace {

std::string in_scratch(const char* name) {
    return scratch() + "/" + name;
}

/// Opens, and moves one byte in the given direction.
Outcome device(const char* path, bool write) {
    const int fd = ::open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) return refused(errno);
    char byte = 0;
    return tried(write ? ::write(fd, &byte, 1) : ::read(fd, &byte, 1));
}

Outcome full_device() {
    const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return refused(errno);
    return ::write(fd, "x", 1) < 0 && errno == ENOSPC ? done() : refused(EIO, "it took a byte");
}

Outcome terminal() {
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) < 0) return refused(errno);
    char text[8] = {};
    if (::write(slave, "hello", 5) != 5) return refused(errno);
    if (::read(master, text, sizeof text) < 5) return refused(errno);
    return std::memcmp(text, "hello", 5) == 0 ? done() : refused(EIO, "other bytes came out");
}

Outcome controlling_terminal() {
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) < 0) return refused(errno);
    if (::ioctl(slave, TIOCSCTTY, 0) < 0) return refused(errno);
    return tried(::open("/dev/tty", O_RDWR | O_CLOEXEC));
}

Outcome watches_files() {
    const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || ::inotify_add_watch(fd, scratch().c_str(), IN_CREATE) < 0) return refused(errno);
    (void)scratch_file("seen");
    char event[sizeof(inotify_event) + 256];
    return tried(::read(fd, event, sizeof event));
}

Outcome locks_file() {
    const int fd = scratch_file("locked");

    struct flock range {};

    range.l_type = F_WRLCK;
    // <sys/file.h> is our own folder here.
    constexpr int kExclusiveNow = 2 | 4;
    if (::syscall(SYS_flock, fd, kExclusiveNow) < 0) return refused(errno);
    if (::fcntl(fd, F_SETLK, &range) < 0) return refused(errno);
    // The two kinds of range locks exclude each other.
    range.l_type = F_UNLCK;
    if (::fcntl(fd, F_SETLK, &range) < 0) return refused(errno);
    range.l_type = F_WRLCK;
    return tried(::fcntl(fd, F_OFD_SETLK, &range));
}

Outcome maps_file() {
    const int fd = scratch_file("mapped");
    if (::ftruncate(fd, 4096) < 0) return refused(errno);
    void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return refused(errno);
    std::memcpy(at, "x", 1);
    return tried(::msync(at, 4096, MS_SYNC));
}

Outcome copies_in_kernel() {
    const int from = scratch_file("from");
    const int to = scratch_file("to");
    if (::write(from, "hello", 5) != 5) return refused(errno);
    off_t at = 0;
    if (::sendfile(to, from, &at, 5) != 5) return refused(errno);
    loff_t start = 0;
    return tried(::copy_file_range(from, &start, to, nullptr, 5, 0));
}

Outcome splices() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return refused(errno);
    const int from = scratch_file("spliced");
    if (::write(from, "hello", 5) != 5) return refused(errno);
    loff_t at = 0;
    return tried(::splice(from, &at, ends[1], nullptr, 5, 0));
}

Outcome renames() {
    (void)scratch_file("a");
    (void)scratch_file("b");
    return tried(::renameat2(AT_FDCWD, in_scratch("a").c_str(), AT_FDCWD, in_scratch("b").c_str(),
                             RENAME_EXCHANGE));
}

Outcome fifo() {
    if (::mkfifo(in_scratch("fifo").c_str(), 0600) < 0) return refused(errno);
    return tried(::open(in_scratch("fifo").c_str(), O_RDWR | O_CLOEXEC));
}

Outcome memory_file() {
    const int fd = ::memfd_create("attack", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ::ftruncate(fd, 4096) < 0) return refused(errno);
    return tried(::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
}

constexpr Want kAll = Want::NeededInJail;

const Probe kProbes[] = {
    {"device.null", kAll, [] { return device("/dev/null", true); }},
    {"device.zero", kAll, [] { return device("/dev/zero", false); }},
    {"device.full", kAll, full_device},
    {"device.random", kAll, [] { return device("/dev/random", false); }},
    {"device.urandom", kAll, [] { return device("/dev/urandom", false); }},
    {"device.links", kAll,
     [] { return tried(::access("/dev/fd/0", F_OK) | ::access("/dev/stdin", F_OK)); }},
    {"device.shared-memory", kAll,
     [] {
         const int fd = ::open(("/dev/shm/attack-" + std::to_string(::getpid())).c_str(),
                               O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
         if (fd >= 0) (void)::unlink(("/dev/shm/attack-" + std::to_string(::getpid())).c_str());
         return tried(fd);
     }},
    {"terminal.pty", Want::Needed, terminal},
    {"terminal.controlling", Want::Needed, controlling_terminal},
    {"file.fifo", kAll, fifo},
    {"file.socket-node", kAll,
     [] { return tried(::mknod(in_scratch("socket").c_str(), S_IFSOCK | 0600, 0)); }},
    {"file.plain-node", kAll,
     [] { return tried(::mknod(in_scratch("plain").c_str(), S_IFREG | 0600, 0)); }},
    {"file.symbolic-link", kAll, [] { return tried(::symlink("x", in_scratch("link").c_str())); }},
    {"file.hard-link", kAll,
     [] {
         (void)scratch_file("one");
         return tried(::link(in_scratch("one").c_str(), in_scratch("two").c_str()));
     }},
    {"file.rename-exchange", kAll, renames},
    {"file.lock", kAll, locks_file},
    {"file.map-shared", kAll, maps_file},
    {"file.copy-in-kernel", kAll, copies_in_kernel},
    {"file.splice", Want::Needed, splices},
    {"file.watch", kAll, watches_files},
    {"file.memory", kAll, memory_file},
    {"file.change-mode", kAll, [] { return tried(::fchmod(scratch_file("mode"), 0640)); }},
    {"file.change-time", kAll, [] { return tried(::futimens(scratch_file("time"), nullptr)); }},
    {"file.allocate", kAll, [] { return tried(::fallocate(scratch_file("big"), 0, 0, 4096)); }},
    {"file.statx", kAll,
     [] {
         struct statx status {};

         return tried(::statx(AT_FDCWD, "/", 0, STATX_ALL, &status));
     }},
    {"file.handle-name", Want::Needed,
     [] {
         // The name of a handle tells nothing; tools ask for it to compare mounts.
         FileHandle handle;
         if (handle.take(scratch().c_str())) return done();
         return errno == EOPNOTSUPP ? absent("no handles here") : refused(errno);
     }},
    {"file.read-meminfo", kAll, [] { return device("/proc/meminfo", false); }},
    {"file.read-cpuinfo", kAll, [] { return device("/proc/cpuinfo", false); }},
    {"file.read-sysctl", kAll, [] { return device("/proc/sys/vm/overcommit_memory", false); }},
    {"file.read-own-status", kAll, [] { return device("/proc/self/status", false); }},
};

} // namespace

std::span<const Probe> needed_file_probes() {
    return kProbes;
}

} // namespace stead::attack
