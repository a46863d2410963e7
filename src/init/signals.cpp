#include "init/signals.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "init/children.h"
#include "init/loop.h"
#include "init/notify.h"
#include "sys/signals.h"

namespace stead::init {

namespace {

constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
constexpr int kCrashCode = 125;

[[noreturn]] void crash(int signal) {
    FixedString<80> line("stead-init: ended by its own mistake, signal ");
    line.append_number(signal).append("; the guest ends with it\n");
    (void)!::write(STDERR_FILENO, line.view().data(), line.size());
    ::_exit(kCrashCode);
}

void on_crash(int signal, siginfo_t* info, void* /*context*/) {
    // A real fault has a positive code. Others could otherwise end PID 1 with kill(2) at will.
    if (info->si_code <= 0 && info->si_pid != ::getpid()) return;
    crash(signal);
}

Result<void> catch_crashes(std::span<char> stack) {
    // SIGSEGV on an exhausted stack can only be handled on another one.
    stack_t other{};
    other.ss_sp = stack.data();
    other.ss_size = stack.size();
    if (::sigaltstack(&other, nullptr) < 0) return last_error("sigaltstack");

    struct sigaction action {};

    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (const int signal : kCrashes) {
        if (::sigaction(signal, &action, nullptr) < 0) return last_error("sigaction");
    }
    return {};
}

void forward(Supervisor& self, int signal) {
    const UnitId unit = self.table.command_unit();
    const Child* main = self.forwards ? find_child(self, unit, CommandRole::Main) : nullptr;
    if (main == nullptr) return;
    (void)::syscall(SYS_pidfd_send_signal, main->pidfd.get(), signal, nullptr, 0);
}

void obey_signal(Supervisor& self, int signal) {
    switch (signal) {
    case SIGTERM:
        return ask_shutdown(self, EndKind::Exit);
    case SIGPWR:
        return ask_shutdown(self, EndKind::Poweroff);
    case SIGINT:
        return ask_shutdown(self, self.launched ? EndKind::Reboot : EndKind::Exit);
    case sys::realtime_signal(3):
        return ask_shutdown(self, EndKind::Halt);
    case sys::realtime_signal(4):
        return ask_shutdown(self, EndKind::Poweroff);
    case sys::realtime_signal(5):
        return ask_shutdown(self, EndKind::Reboot);
    case SIGHUP:
    case SIGQUIT:
    case SIGUSR1:
    case SIGUSR2:
    case SIGWINCH:
    case SIGCONT:
        return forward(self, signal);
    default:
        return;
    }
}

} // namespace

Result<sys::UniqueFd> open_signals(Supervisor& self) {
    sys::SignalSet blocked = sys::kEverySignal;
    for (const int signal : kCrashes)
        blocked &= ~sys::signal_bit(signal);
    TRY(sys::set_signal_mask(blocked));
    // An ignored SIGCHLD, which whoever started us may have left, would reap children unseen.
    TRY(sys::set_default_action(SIGCHLD));
    TRY(catch_crashes(self.scratch->crash_stack));
    return sys::make_signal_fd(blocked);
}

void serve_signals(Supervisor& self) {
    bool children = false;
    std::array<sys::Received, 8> received;
    while (true) {
        const auto count = sys::read_signals(self.signals.get(), received);
        if (!count || *count == 0) break;
        for (std::size_t i = 0; i < *count; ++i) {
            if (received[i].signal == SIGCHLD) {
                children = true;
            } else {
                obey_signal(self, received[i].signal);
            }
        }
    }
    if (!children) return;
    // The last words of those who have just ended come first.
    read_notify(self);
    reap_children(self);
}

} // namespace stead::init
