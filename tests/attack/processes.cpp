// PID 1 and other people's processes; what a starter left open; what belongs to the host.

#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <grp.h>

#include "attack/probe.h"

namespace stead::attack {

namespace {

Outcome opens(const char* path, int mode) {
    return tried(::open(path, mode | O_NONBLOCK | O_CLOEXEC));
}

Outcome reads(const char* path) {
    const int fd = ::open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return refused(errno);
    char byte = 0;
    const ssize_t got = ::read(fd, &byte, 1);
    return got == 0 ? refused(0, "empty") : tried(got);
}

Outcome link(const char* path) {
    char target[256];
    return tried(::readlink(path, target, sizeof target));
}

Outcome descriptor_of_1() {
    const long pidfd = ::syscall(SYS_pidfd_open, 1, 0);
    if (pidfd < 0) return refused(errno);
    Outcome last = refused(EBADF);
    for (int fd = 0; fd < 32; ++fd) {
        last = tried(::syscall(SYS_pidfd_getfd, static_cast<int>(pidfd), fd, 0));
        if (last.kind == Outcome::kDone) return last;
    }
    return last;
}

Outcome memory_of(pid_t pid) {
    char byte = 0;
    const iovec here{&byte, 1};
    const iovec there{reinterpret_cast<void*>(0x400000), 1};
    const ssize_t got = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
    return got < 0 && errno == EFAULT ? done("granted") : tried(got);
}

Outcome attach(pid_t pid) {
    const long result = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr);
    const Outcome outcome = tried(result);
    if (result == 0) (void)::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
    return outcome;
}

/// A process of another user of the guest, for `body`.
Outcome against_another_user(Outcome (*body)(pid_t)) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return refused(errno);
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setgroups(0, nullptr) < 0 || ::setresgid(4321, 4321, 4321) < 0 ||
            ::setresuid(4321, 4321, 4321) < 0)
            ::_exit(1);
        // A new user's process is not dumpable; one that executed something since is.
        ::prctl(PR_SET_DUMPABLE, 1);
        (void)!::write(ends[1], "x", 1);
        ::pause();
        ::_exit(0);
    }
    ::close(ends[1]);
    char byte = 0;
    if (::read(ends[0], &byte, 1) != 1) return absent("cannot become another user");
    const Outcome outcome = body(pid);
    ::kill(pid, SIGKILL);
    return outcome;
}

/// Descriptors beyond 0, 1 and 2 that the program was started with, but for the answer's far
/// number.
Outcome leaked_descriptor() {
    for (int fd = 3; fd < 900; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) return done("a descriptor above 2 is open");
    }
    return refused(0, "none");
}

/// Standard descriptors that are files or folders of the host can be opened again with more rights.
Outcome standard_descriptor_is_a_file() {
    for (int fd = 0; fd <= 2; ++fd) {
        struct stat status {};

        if (::fstat(fd, &status) < 0) continue;
        if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
            return done("one of 0, 1, 2");
    }
    return refused(0, "none");
}

const Probe kProcesses[] = {
    {"init.memory", Want::Forbidden, [] { return opens("/proc/1/mem", O_RDWR); }},
    {"init.memory-read", Want::Forbidden, [] { return opens("/proc/1/mem", O_RDONLY); }},
    {"init.process-vm", Want::Forbidden, [] { return memory_of(1); }},
    {"init.attach", Want::Forbidden, [] { return attach(1); }},
    {"init.take-descriptor", Want::Forbidden, descriptor_of_1},
    {"init.environment", Want::Forbidden, [] { return reads("/proc/1/environ"); }},
    {"init.descriptors", Want::Forbidden,
     [] {
         char target[256];
         return tried(::readlink("/proc/1/fd/0", target, sizeof target));
     }},
    {"init.program", Want::Forbidden, [] { return opens("/proc/1/exe", O_RDONLY); }},
    {"init.map", Want::Forbidden, [] { return reads("/proc/1/maps"); }},
    {"init.root", Want::Forbidden, [] { return link("/proc/1/root"); }},
    {"init.namespace", Want::Forbidden, [] { return link("/proc/1/ns/mnt"); }},
    {"init.stack", Want::Forbidden, [] { return reads("/proc/1/stack"); }},
    {"init.system-call", Want::Forbidden, [] { return reads("/proc/1/syscall"); }},
    {"init.compare", Want::Forbidden,
     [] { return tried(::syscall(SYS_kcmp, ::getpid(), 1, KCMP_FILES, 0, 0)); }},
    {"other-user.attach", Want::Forbidden, [] { return against_another_user(attach); }},
    {"other-user.process-vm", Want::Forbidden, [] { return against_another_user(memory_of); }},
    {"other-user.memory", Want::Forbidden,
     [] {
         return against_another_user([](pid_t pid) {
             return opens(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDWR);
         });
     }},
    {"leak.descriptor", Want::Forbidden, leaked_descriptor},
    {"leak.standard-file", Want::Forbidden, standard_descriptor_is_a_file},
};

const char* given(const char* variable) {
    // One thread, and nothing changes the environment.
    return std::getenv(variable); // NOLINT(concurrency-mt-unsafe)
}

long number(const char* text) {
    return std::strtol(text, nullptr, 10);
}

Outcome connects(const sockaddr* address, socklen_t length, int family) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return refused(errno);
    return tried(::connect(fd, address, length));
}

Outcome host_abstract_socket() {
    const char* name = given("ATTACK_ABSTRACT");
    if (name == nullptr) return absent("no ATTACK_ABSTRACT given");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (void)std::strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
    const auto length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(name));
    return connects(reinterpret_cast<const sockaddr*>(&address), length, AF_UNIX);
}

Outcome host_port() {
    const char* port = given("ATTACK_PORT");
    if (port == nullptr) return absent("no ATTACK_PORT given");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<in_port_t>(number(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connects(reinterpret_cast<const sockaddr*>(&address), sizeof address, AF_INET);
}

const Probe kHost[] = {
    {"host.abstract-socket", Want::Forbidden, host_abstract_socket},
    {"host.loopback-port", Want::Forbidden, host_port},
    {"host.file", Want::Forbidden,
     [] {
         const char* path = given("ATTACK_FILE");
         return path == nullptr ? absent("no ATTACK_FILE given") : opens(path, O_RDONLY);
     }},
    {"host.process", Want::Forbidden,
     [] {
         const char* pid = given("ATTACK_PID");
         if (pid == nullptr) return absent("no ATTACK_PID given");
         return tried(::kill(static_cast<pid_t>(number(pid)), 0));
     }},
    {"host.shared-memory", Want::Forbidden,
     [] {
         const char* key = given("ATTACK_SHM");
         if (key == nullptr) return absent("no ATTACK_SHM given");
         return tried(::shmget(static_cast<key_t>(number(key)), 1, 0));
     }},
};

} // namespace

std::span<const Probe> process_probes() {
    return kProcesses;
}

std::span<const Probe> host_probes() {
    return kHost;
}

} // namespace stead::attack
