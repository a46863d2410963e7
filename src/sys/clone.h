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

/// clone(2) with a pidfd, for processes whose filter answers ENOSYS to clone3.
Result<Cloned> clone_process_plain();

} // namespace stead::sys
