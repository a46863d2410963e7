#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "sys/unique_fd.h"

/// Signals as the kernel numbers them: bit N - 1 of a set is signal N, real-time signals are
/// 34 + n. Raw system calls, because C libraries keep 32 to 34 for themselves and refuse them.
namespace stead::sys {

using SignalSet = std::uint64_t;
inline constexpr SignalSet kEverySignal = ~SignalSet{0};
inline constexpr int kLastSignal = 64;

constexpr SignalSet signal_bit(int number) {
    return SignalSet{1} << (number - 1);
}

/// The n-th real-time signal as people number them (SIGRTMIN+n).
constexpr int realtime_signal(int n) {
    return 34 + n;
}

/// rt_sigprocmask(2): makes `blocked` the whole mask.
Result<void> set_signal_mask(SignalSet blocked);
/// rt_sigaction(2) to the default disposition. KILL and STOP are EINVAL.
Result<void> set_default_action(int signal);
/// rt_sigaction(2) to ignored.
Result<void> ignore_signal(int signal);
/// Whether the disposition is "ignored", e.g. of HUP below nohup(1).
bool is_ignored(int signal);

/// signalfd4(2), non-blocking.
Result<UniqueFd> make_signal_fd(SignalSet signals);

struct Received {
    int signal = 0;
    /// Zero: from outside the pid namespace, or from the kernel.
    pid_t sender = 0;
    uid_t uid = 0;
};

/// Takes pending signals off a signal descriptor; 0 when there is none.
Result<std::size_t> read_signals(int fd, std::span<Received> into);

/// kill(2); a negative pid is a process group.
Result<void> send_signal(pid_t pid, int signal);

} // namespace stead::sys
