#include "sys/process.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

// P_PIDFD is newer than some C libraries' headers.
constexpr auto kPidfd = static_cast<idtype_t>(3);

ExitStatus status_of(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return ExitStatus::exited(info.si_status);
    return ExitStatus::killed(info.si_status);
}

/// The head of struct pidfd_info and its ioctl, newer than most headers (linux/pidfd.h).
struct PidfdInfo {
    std::uint64_t mask = 0;
    std::uint64_t cgroup = 0;
    std::array<std::uint32_t, 12> rest{};
};

static_assert(sizeof(PidfdInfo) == 64);
constexpr std::uint64_t kInfoCgroup = 1U << 2U;
constexpr std::uint64_t kInfoExit = 1U << 3U;
constexpr unsigned long kGetInfo = _IOWR(0xff, 11, PidfdInfo);

} // namespace

Result<Process> open_process(pid_t pid) {
    const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) return last_error("pidfd_open");
    return Process{UniqueFd(fd), pid};
}

Result<std::optional<ExitStatus>> try_reap(const Process& child) {
    siginfo_t info{};
    const auto id = static_cast<id_t>(child.pidfd.get());
    if (::waitid(kPidfd, id, &info, WEXITED | WNOHANG) < 0) return last_error("waitid");

    // waitid reports "not yet" as success with a zero pid.
    if (info.si_pid == 0) return std::optional<ExitStatus>{};
    return std::optional<ExitStatus>{status_of(info)};
}

Result<void> send_signal(const Process& process, int signal) {
    return detail::done(::syscall(SYS_pidfd_send_signal, process.pidfd.get(), signal, nullptr, 0),
                        "pidfd_send_signal");
}

Result<std::optional<Ended>> next_ended(bool keep) {
    siginfo_t info{};
    const int options = WEXITED | WNOHANG | (keep ? WNOWAIT : 0);
    if (::waitid(P_ALL, 0, &info, options) < 0) {
        // No children at all is no failure of the question.
        if (errno == ECHILD) return std::optional<Ended>{};
        return last_error("waitid");
    }
    if (info.si_pid == 0) return std::optional<Ended>{};
    return std::optional<Ended>{Ended{info.si_pid, status_of(info)}};
}

ProcessFacts facts_of(int pidfd) {
    // A process in the middle of being reaped says ESRCH or, met a moment earlier, success with
    // nothing in it; what it left behind is known right after that.
    for (int attempt = 0; attempt < 3; ++attempt) {
        PidfdInfo info;
        info.mask = kInfoCgroup | kInfoExit;
        if (::syscall(SYS_ioctl, pidfd, kGetInfo, &info) != 0) continue;
        if ((info.mask & (kInfoCgroup | kInfoExit)) == 0) continue;
        return {.cgroup = (info.mask & kInfoCgroup) != 0 ? info.cgroup : 0,
                .ended = (info.mask & kInfoExit) != 0};
    }
    return {};
}

} // namespace stead::sys
