#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fixed_string.h"
#include "spawn/steps.h"

namespace stead::spawn {

namespace {

/// struct rlimit64, the same on every architecture.
struct KernelLimit {
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};

bool set_limit(std::uint32_t resource, const KernelLimit& limit) {
    return ::syscall(SYS_prlimit64, 0, resource, &limit, nullptr) == 0;
}

/// As much of `wanted` as the hard limit in force allows.
void set_limit_within(std::uint32_t resource, const KernelLimit& wanted) {
    KernelLimit now;
    if (::syscall(SYS_prlimit64, 0, resource, nullptr, &now) != 0) return;
    const std::uint64_t hard = std::min(wanted.hard, now.hard);
    (void)set_limit(resource, {std::min(wanted.soft, hard), hard});
}

bool write_own_file(const char* path, std::string_view text) {
    const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int error = errno;
    ::close(fd);
    errno = error;
    return written;
}

/// A child of a non-dumpable PID 1 does not own its own files in /proc until it executes. The one
/// capability that PID 1 holds outside every bounding set keeps others from tracing it meanwhile.
bool write_guarded_file(const char* path, std::string_view text) {
    if (write_own_file(path, text)) return true;
    if (errno != EACCES || ::prctl(PR_GET_DUMPABLE) == 1) return false;
    if (::prctl(PR_SET_DUMPABLE, 1) < 0) return false;
    const bool written = write_own_file(path, text);
    const int error = errno;
    ::prctl(PR_SET_DUMPABLE, 0);
    errno = error;
    return written;
}

void set_processors_and_disks(const Child& child) {
    const ExecView& exec = child.exec;
    if (!exec.cpu_affinity.empty() &&
        ::syscall(SYS_sched_setaffinity, 0, exec.cpu_affinity.size(), exec.cpu_affinity.data()) < 0)
        fail_if_strict(child, SpawnStage::Scheduling);
    // Raw: musl refuses the call, which POSIX wants to be about a whole process.
    const int priority = exec.cpu_priority;
    if (exec.has_cpu_policy &&
        ::syscall(SYS_sched_setscheduler, 0, static_cast<int>(exec.cpu_policy), &priority) < 0)
        fail_if_strict(child, SpawnStage::Scheduling);
    constexpr int kProcess = 1; // IOPRIO_WHO_PROCESS
    if (exec.io_priority != 0 &&
        ::syscall(SYS_ioprio_set, kProcess, 0, static_cast<int>(exec.io_priority)) < 0)
        fail_if_strict(child, SpawnStage::Scheduling);
}

} // namespace

void set_limits(const Child& child) {
    if (child.restore_open_files)
        (void)set_limit(RLIMIT_NOFILE, {child.open_files.soft, child.open_files.hard});

    for (const ResourceLimit& limit : child.exec.limits) {
        const KernelLimit wanted{limit.soft, limit.hard};
        if (set_limit(limit.resource, wanted)) continue;
        fail_if_strict(child, SpawnStage::Limits);
        set_limit_within(limit.resource, wanted);
    }
}

void set_oom_score(const Child& child) {
    if (!child.exec.has_oom_score) return;
    FixedString<8> text;
    text.append_number(child.exec.oom_score_adjust);
    if (!write_guarded_file("/proc/self/oom_score_adj", text.view()))
        fail_if_strict(child, SpawnStage::OomScore);
}

void set_scheduling(const Child& child) {
    set_processors_and_disks(child);
    if (!child.exec.has_nice) return;
    if (::setpriority(PRIO_PROCESS, 0, child.exec.nice) < 0)
        fail_if_strict(child, SpawnStage::Scheduling);
    // Each session is an autogroup of its own, between which nice of processes has no effect;
    // kernels without autogroups lack the file (sched(7)).
    FixedString<8> text;
    text.append_number(child.exec.nice);
    (void)write_guarded_file("/proc/self/autogroup", text.view());
}

} // namespace stead::spawn
