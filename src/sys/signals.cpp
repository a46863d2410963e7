#include "sys/signals.h"

#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

/// The kernel's struct sigaction. Without a handler it needs no restorer, so the order of the
/// fields after the flags, which differs between architectures, does not matter: all are zero.
struct KernelAction {
    void (*handler)(int) = nullptr;
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    SignalSet mask = 0;
};

Result<void> set_action(int signal, void (*handler)(int)) {
    const KernelAction action{.handler = handler};
    return detail::done(::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof(SignalSet)),
                        "rt_sigaction");
}

} // namespace

Result<void> set_signal_mask(SignalSet blocked) {
    return detail::done(
        ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, nullptr, sizeof blocked),
        "rt_sigprocmask");
}

Result<void> set_default_action(int signal) {
    return set_action(signal, SIG_DFL);
}

Result<void> ignore_signal(int signal) {
    return set_action(signal, SIG_IGN);
}

bool is_ignored(int signal) {
    KernelAction action;
    return ::syscall(SYS_rt_sigaction, signal, nullptr, &action, sizeof(SignalSet)) == 0 &&
           action.handler == SIG_IGN;
}

Result<UniqueFd> make_signal_fd(SignalSet signals) {
    const auto fd = static_cast<int>(
        ::syscall(SYS_signalfd4, -1, &signals, sizeof signals, SFD_CLOEXEC | SFD_NONBLOCK));
    return detail::owned(fd, "signalfd4");
}

Result<std::size_t> read_signals(int fd, std::span<Received> into) {
    std::array<signalfd_siginfo, 8> records; // Filled by the kernel; clearing 1 kB is for nothing.
    const std::size_t room = std::min(records.size(), into.size());
    const ssize_t size = ::read(fd, records.data(), room * sizeof records[0]);
    if (size < 0) {
        if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
        return last_error("read", "signalfd");
    }
    const std::size_t count = static_cast<std::size_t>(size) / sizeof records[0];
    for (std::size_t i = 0; i < count; ++i) {
        into[i] = {static_cast<int>(records[i].ssi_signo), static_cast<pid_t>(records[i].ssi_pid),
                   records[i].ssi_uid};
    }
    return count;
}

Result<void> send_signal(pid_t pid, int signal) {
    return detail::done(::kill(pid, signal), "kill");
}

} // namespace stead::sys
