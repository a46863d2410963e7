#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "model/exit_status.h"
#include "sys/unique_fd.h"

namespace stead::sys {

/// A child, or any process we may signal: the pidfd is the identity, the pid only for log lines.
struct Process {
    UniqueFd pidfd;
    pid_t pid = 0;
};

/// pidfd_open(2).
Result<Process> open_process(pid_t pid);

/// Reaps `child` if it has ended; nothing if it is still running. ECHILD comes back as an Error.
Result<std::optional<ExitStatus>> try_reap(const Process& child);

/// Sends `signal` (numbers as in model; 0 asks only whether it lives). ESRCH once it has been
/// reaped.
Result<void> send_signal(const Process& process, int signal);

/// What the kernel still knows of the process behind `pidfd`: the number of its cgroup (0: not
/// known), and whether it has been reaped, so that its own number may mean another one by now.
/// Kernels before 6.13 say nothing, before 6.15 nothing of reaped processes (PIDFD_GET_INFO).
struct ProcessFacts {
    std::uint64_t cgroup = 0;
    bool ended = false;
};

ProcessFacts facts_of(int pidfd);

/// One ended child out of all; nothing if none has ended. With `keep` it stays a zombie (WNOWAIT),
/// so that its pid stays reserved while its end is booked.
struct Ended {
    pid_t pid = 0;
    ExitStatus status;
};

Result<std::optional<Ended>> next_ended(bool keep);

} // namespace stead::sys
