#include "sys/clone.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace stead::sys {

namespace {

/// struct clone_args of clone3(2) as Linux 5.7 has it; older C library headers lack the cgroup.
struct CloneArguments {
    alignas(8) std::uint64_t flags = 0;
    std::uint64_t pidfd = 0;
    std::uint64_t child_tid = 0;
    std::uint64_t parent_tid = 0;
    std::uint64_t exit_signal = 0;
    std::uint64_t stack = 0;
    std::uint64_t stack_size = 0;
    std::uint64_t tls = 0;
    std::uint64_t set_tid = 0;
    std::uint64_t set_tid_size = 0;
    std::uint64_t cgroup = 0;
};

constexpr std::uint64_t kClonePidfd = 0x1000;
constexpr std::uint64_t kCloneParentSetTid = 0x100000;
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000;

} // namespace

Result<pid_t> clone_process_into(int cgroup, pid_t& pid, int& pidfd) {
    CloneArguments arguments;
    arguments.flags = kClonePidfd | kCloneParentSetTid;
    arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
    arguments.parent_tid = reinterpret_cast<std::uintptr_t>(&pid);
    arguments.exit_signal = SIGCHLD;
    if (cgroup >= 0) {
        arguments.flags |= kCloneIntoCgroup;
        arguments.cgroup = static_cast<std::uint64_t>(cgroup);
    }
    const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
    if (child < 0) return last_error("clone3");
    return child;
}

Result<pid_t> clone_process_plain_into(pid_t& pid, int& pidfd) {
    // The order of clone's arguments differs between architectures only after the third.
    const auto child = static_cast<pid_t>(
        ::syscall(SYS_clone, kClonePidfd | SIGCHLD, nullptr, &pidfd, nullptr, 0));
    if (child < 0) return last_error("clone");
    if (child > 0) pid = child;
    return child;
}

Result<Cloned> clone_process(int cgroup) {
    pid_t pid = 0;
    int pidfd = -1;
    const pid_t child = TRY(clone_process_into(cgroup, pid, pidfd));
    return Cloned{child, UniqueFd(child == 0 ? -1 : pidfd)};
}

Result<Cloned> clone_process_plain() {
    pid_t pid = 0;
    int pidfd = -1;
    const pid_t child = TRY(clone_process_plain_into(pid, pidfd));
    return Cloned{child, UniqueFd(child == 0 ? -1 : pidfd)};
}

} // namespace stead::sys
