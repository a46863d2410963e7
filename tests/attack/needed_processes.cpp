// What programs need of processes, and what the root of a distribution needs beside.

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include <grp.h>

#include "attack/probe.h"

namespace stead::attack {

namespace {

constexpr Want kAll = Want::NeededInJail;

Outcome ok(bool truth, const char* otherwise) {
    return truth ? done() : refused(EIO, otherwise);
}

Outcome own_filter() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return refused(errno);
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{1, &allow};
    return tried(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

Outcome traces_child() {
    const pid_t pid = ::fork();
    if (pid == 0) {
        (void)::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        (void)::raise(SIGSTOP);
        ::_exit(0);
    }
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return refused(EIO, "no stop");
    errno = 0;
    const Outcome outcome = tried(::ptrace(PTRACE_CONT, pid, nullptr, nullptr));
    (void)::waitpid(pid, &status, 0);
    return outcome;
}

Outcome process_descriptor() {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::pause();
        ::_exit(0);
    }
    const long fd = ::syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return refused(errno);
    if (::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) < 0) return refused(errno);
    siginfo_t info{};
    return tried(::waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED));
}

Outcome threads() {
    int value = 0;
    std::thread other([&] { value = 1; });
    other.join();
    return ok(value == 1, "the thread did nothing");
}

Outcome executes_memory() {
    void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return refused(errno);
    return tried(::mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

Outcome lowers_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return refused(errno);
    limit.rlim_cur = limit.rlim_max = 256;
    return tried(::setrlimit(RLIMIT_NOFILE, &limit));
}

Outcome locks_memory() {
    void* at = ::mmap(nullptr, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return tried(::mlock(at, 65536));
}

const Probe kProcesses[] = {
    {"process.threads", kAll, threads},
    {"process.pidfd", kAll, process_descriptor},
    {"process.new-session", kAll,
     [] {
         const int code = in_child([]() -> int { return ::setsid() < 0 ? 1 : 0; });
         return ok(code == 0, "setsid failed");
     }},
    {"process.trace-child", Want::Needed, traces_child},
    {"process.own-filter", kAll, own_filter},
    {"process.no-new-privileges", kAll,
     [] { return tried(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }},
    {"process.name", kAll, [] { return tried(::prctl(PR_SET_NAME, "attack", 0, 0, 0)); }},
    {"process.subreaper", kAll, [] { return tried(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }},
    {"process.nice", Want::Needed, [] { return tried(::setpriority(PRIO_PROCESS, 0, 5)); }},
    {"process.idle-io", Want::Needed,
     [] { return tried(::syscall(SYS_ioprio_set, 1, 0, 3 << 13)); }},
    {"process.affinity", Want::Needed,
     [] {
         cpu_set_t set;
         if (::sched_getaffinity(0, sizeof set, &set) < 0) return refused(errno);
         return tried(::sched_setaffinity(0, sizeof set, &set));
     }},
    {"process.lower-limit", kAll, lowers_limit},
    {"process.personality-query", kAll, [] { return tried(::personality(0xffff'ffff)); }},
    {"memory.protect-executable", kAll, executes_memory},
    {"memory.lock", Want::Needed, locks_memory},
    {"memory.barrier", kAll, [] { return tried(::syscall(SYS_membarrier, 0, 0, 0)); }},
    {"random.bytes", kAll,
     [] {
         char bytes[16];
         return tried(::getrandom(bytes, sizeof bytes, 0));
     }},
    {"clock.read-adjustment", Want::Needed,
     [] {
         timex settings{};
         return tried(::adjtimex(&settings));
     }},
};

constexpr uid_t kSomebody = 4321;

/// A file of somebody's that nobody may read.
std::string closed_file() {
    const std::string path = scratch() + "/closed";
    const int fd = scratch_file("closed", 0);
    return ::fchown(fd, kSomebody, kSomebody) < 0 ? std::string() : path;
}

Outcome signals_another_user() {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setresuid(kSomebody, kSomebody, kSomebody) < 0) ::_exit(1);
        ::pause();
        ::_exit(0);
    }
    // Wherever it stands: the signal needs only the right to send it.
    const Outcome outcome = tried(::kill(pid, SIGTERM));
    (void)::kill(pid, SIGKILL);
    return outcome;
}

/// A copy of this program, owned by root and set-uid, run as somebody else.
Outcome set_uid_program() {
    // /tmp knows no set-uid programs; a place of the system's own does.
    const std::string path = "/var/lib/attack-" + std::to_string(::getpid());
    std::error_code problem;
    std::filesystem::copy_file("/proc/self/exe", path, problem);
    if (problem) return refused(problem.value(), "copy");
    if (::chmod(path.c_str(), 04755) < 0) return refused(errno);
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::setresuid(kSomebody, kSomebody, kSomebody) < 0) ::_exit(2);
        ::execl(path.c_str(), "attack", "--effective-user", nullptr);
        ::_exit(errno == EACCES ? 4 : 5);
    }
    int status = 0;
    (void)::waitpid(pid, &status, 0);
    (void)::unlink(path.c_str());
    return ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it ran without root's rights");
}

Outcome file_capability() {
    // Version 2 of the attribute: CAP_NET_BIND_SERVICE permitted and effective.
    const unsigned char capability[20] = {1, 0, 0, 2, 0, 4};
    const int fd = scratch_file("capable", 0755);
    return tried(::fsetxattr(fd, "security.capability", capability, sizeof capability, 0));
}

Outcome drops_capability() {
    if (::prctl(PR_CAPBSET_READ, CAP_SYS_CHROOT, 0, 0, 0) != 1) return absent("it has none");
    return tried(::prctl(PR_CAPBSET_DROP, CAP_SYS_CHROOT, 0, 0, 0));
}

const Probe kRoot[] = {
    {"root.change-owner", Want::Needed,
     [] { return tried(::fchown(scratch_file("owned"), kSomebody, kSomebody)); }},
    {"root.override-mode", Want::Needed,
     [] {
         const std::string path = closed_file();
         return path.empty() ? refused(errno) : tried(::open(path.c_str(), O_RDWR | O_CLOEXEC));
     }},
    {"root.change-mode-of-others", Want::Needed,
     [] {
         const std::string path = closed_file();
         return path.empty() ? refused(errno) : tried(::chmod(path.c_str(), 0644));
     }},
    {"root.keep-set-group-id", Want::Needed,
     [] {
         const std::string path = closed_file();
         return path.empty() ? refused(errno) : tried(::chmod(path.c_str(), 02755));
     }},
    {"root.become-user", Want::Needed,
     [] { return tried(::setresuid(kSomebody, kSomebody, kSomebody)); }},
    {"root.become-group", Want::Needed,
     [] { return tried(::setresgid(kSomebody, kSomebody, kSomebody)); }},
    {"root.groups", Want::Needed,
     [] {
         const gid_t groups[] = {4, 27, 100};
         return tried(::setgroups(3, groups));
     }},
    {"root.high-user", Want::Needed, [] { return tried(::setresuid(65534, 65534, 65534)); }},
    {"root.signal-users", Want::Needed, signals_another_user},
    {"root.set-uid-program", Want::Needed, set_uid_program},
    {"root.file-capability", Want::Needed, file_capability},
    {"root.drop-capability", Want::Needed, drops_capability},
    {"root.chroot", Want::Needed, [] { return tried(::chroot(scratch().c_str())); }},
    {"root.personality-linux32", Want::Needed, [] { return tried(::personality(PER_LINUX32)); }},
};

} // namespace

std::span<const Probe> needed_process_probes() {
    return kProcesses;
}

std::span<const Probe> needed_root_probes() {
    return kRoot;
}

} // namespace stead::attack
