#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace stead::sys {

struct Cloned {
    /// 0 in the child.
    pid_t pid = 0;
    /// The parent's descriptor of the child.
    UniqueFd pidfd;
};

/// clone3(2) with a pidfd, as fork(2) otherwise: the child has a copy of everything and ends with
/// SIGCHLD. `cgroup` (CLONE_INTO_CGROUP) or -1: the child is born in the caller's cgroup.
Result<Cloned> clone_process(int cgroup);

/// The same, but the kernel itself writes what the parent has into `pid` and `pidfd` before the
/// child runs: whoever is stopped at any instruction finds both or nothing. Returns 0 in the child.
Result<pid_t> clone_process_into(int cgroup, pid_t& pid, int& pidfd);

/// The same for processes whose filter answers ENOSYS to clone3: the kernel writes only `pidfd`,
/// `pid` follows after the call.
Result<pid_t> clone_process_plain_into(pid_t& pid, int& pidfd);

/// clone(2) with a pidfd, for processes whose filter answers ENOSYS to clone3.
Result<Cloned> clone_process_plain();

} // namespace stead::sys
