#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "sys/unique_fd.h"

/// Namespaces, and bodies: processes that run a function while their parent sleeps.
namespace stead::sys {

/// unshare(2).
Result<void> unshare(std::uint64_t flags);
/// setns(2).
Result<void> join_namespace(int fd, std::uint64_t type);

/// clone3(2) flags that older headers lack.
inline constexpr std::uint64_t kNewTime = 0x80;
inline constexpr std::uint64_t kIntoCgroup = 0x200000000;

struct Body {
    /// CLONE_NEW*, CLONE_PARENT, and CLONE_VM for a body that shares the caller's memory.
    std::uint64_t flags = 0;
    /// CLONE_INTO_CGROUP, or -1.
    int cgroup = -1;
    /// Must end the process; a return ends it with status 0.
    void (*run)(void*) = nullptr;
    void* argument = nullptr;
    std::span<std::byte> stack;
};

/// clone3(2) with CLONE_VFORK: the caller sleeps until the body executes a program or ends. With
/// CLONE_VM its heap and variables are the body's, too. Returns the pid, which with CLONE_PARENT is
/// a child of the caller's parent. `exit_signal` is SIGCHLD, with CLONE_PARENT the caller's own.
Result<pid_t> run_body(const Body& body);

/// clone3(2) as fork(2), with more namespaces: 0 in the child.
Result<pid_t> fork_into(std::uint64_t flags);

} // namespace stead::sys
