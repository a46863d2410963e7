#include "init/signals.h"

#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "init/children.h"
#include "init/crash.h"
#include "init/loop.h"
#include "init/mailbox.h"
#include "init/notify.h"
#include "sys/signals.h"

namespace stead::init {

namespace {

void forward(Supervisor& self, int signal) {
    const UnitId unit = self.table.command_unit();
    const Child* main = self.forwards ? find_child(self, unit, CommandRole::Main) : nullptr;
    if (main == nullptr) return;
    (void)::syscall(SYS_pidfd_send_signal, main->pidfd.get(), signal, nullptr, 0);
}

/// Whether the signal is some unit's, by its map: that one's main process gets what it becomes.
bool pass_mapped(Supervisor& self, int signal) {
    bool mapped = false;
    for (std::size_t i = 0; i < self.units.size(); ++i) {
        const auto unit = static_cast<UnitId>(i);
        const std::span<const std::byte> map = self.table.signal_map(unit);
        for (std::size_t at = 0; at + 1 < map.size(); at += 2) {
            if (static_cast<int>(map[at]) != signal) continue;
            const Child* main = find_child(self, unit, CommandRole::Main);
            if (main == nullptr) continue;
            mapped = true;
            const int becomes = static_cast<int>(map[at + 1]);
            if (becomes == 0) continue;
            (void)::syscall(SYS_pidfd_send_signal, main->pidfd.get(), becomes, nullptr, 0);
        }
    }
    return mapped;
}

} // namespace

void obey_signal(Supervisor& self, int signal) {
    if (pass_mapped(self, signal)) return;
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

int mailed_signal(const Supervisor& self) {
    std::uint32_t signal = 0; // The first field of signalfd_siginfo.
    std::memcpy(&signal, self.mailbox.text.data(), sizeof signal);
    return static_cast<int>(signal);
}

Result<sys::UniqueFd> open_signals() {
    // An ignored SIGCHLD, which whoever started us may have left, would reap children unseen.
    TRY(sys::set_default_action(SIGCHLD));
    // Every signal but those of crashes is blocked already (`catch_crashes`), and those never are.
    return sys::make_signal_fd(ordinary_signals());
}

void serve_signals(Supervisor& self) {
    bool children = false;
    while (true) {
        begin_mail(self, Source::Signals);
        const auto size =
            ::read(self.signals.get(), self.mailbox.text.data(), sizeof(signalfd_siginfo));
        if (size <= 0) break;
        const int signal = mailed_signal(self);
        if (signal == SIGCHLD) {
            children = true;
        } else {
            obey_signal(self, signal);
        }
        end_mail(self);
    }
    end_mail(self);
    if (!children) return;
    // The last words of those who have just ended come first.
    read_notify(self);
    reap_children(self);
}

} // namespace stead::init
