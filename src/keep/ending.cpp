#include <array>
#include <csignal>

#include "base/signal_name.h"
#include "keep/keeper.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "wire/boot.h"

namespace stead::keep {

namespace {

/// How long people's last lines may take to be taken.
constexpr Duration kLastLines = 2_s;

} // namespace

void Keeper::on_signals() {
    std::array<sys::Received, 16> received;
    const auto count = sys::read_signals(signals_.get(), received);
    if (!count) return;
    for (std::size_t index = 0; index < *count; ++index) {
        const int signal = received[index].signal;
        if (signal == SIGCHLD) {
            readers_.reap();
        } else if (signal == SIGWINCH) {
            if (foreground_) foreground_->resize();
        } else if (signal == SIGCONT) {
            if (foreground_) foreground_->resume();
        } else {
            if (signal == SIGHUP && foreground_) foreground_->hang_up();
            ask_to_stop();
        }
    }
}

void Keeper::ask_to_stop() {
    if (ended_) {
        // The guest is gone and somebody does not take its last output: then without it.
        if (foreground_) foreground_->give_up();
        return;
    }
    ++stop_requests_;
    constexpr int kHurry = 2;
    if (stop_requests_ > kHurry) {
        if (stop_requests_ == kHurry + 1) say(4, "killing the guest");
        // It may have ended meanwhile, and then its pidfd says so.
        (void)sys::send_signal(init_, SIGKILL);
        return;
    }
    say(5, stop_requests_ == 1 ? "stopping the guest; once more hurries"
                               : "hurrying; once more kills");
    std::array<std::byte, 64> buffer;
    wire::Writer message(buffer, wire::Kind::StopGuest);
    const bool told = channel_open_ && sys::send(wire::kKeeperChannel, message.bytes());
    // PID 1 understands the signal as well.
    if (!told) (void)sys::send_signal(init_, SIGTERM); // as above
}

void Keeper::on_pidfd() {
    const auto reaped = sys::try_reap(init_);
    // Still there, although the descriptor said otherwise: wait for its next word.
    if (reaped && !*reaped) return;
    // A taken-over guest is another's child: its end is seen, its status is not.
    const std::optional<ExitStatus> status = reaped ? *reaped : std::nullopt;

    while (receive_message()) {
    }
    drain_streams();
    constexpr int kAtEnd = 4096; // more than the queue of a socket
    read_syslog(kAtEnd);
    (void)sys::unwatch(epoll_.get(), init_.pidfd.get()); // it was added at the start
    ended_ = true;
    code_ = exit_code(status);
    if (foreground_) foreground_->input_over();
}

int Keeper::exit_code(const std::optional<ExitStatus>& status) {
    if (guest_code_) return guest_end_ == EndKind::Reboot ? kRebootCode : *guest_code_;
    FixedString<160> text{"PID 1 of "};
    text.append(settings_.name.view());
    if (!status || status->kind == ExitStatus::Kind::Unknown) {
        say(3, text.append(" ended without saying how").view());
        return 1;
    }
    if (status->kind == ExitStatus::Kind::Killed) {
        text.append(" was killed by signal ").append_number(status->value);
        const std::string_view name = signal_name(status->value);
        if (!name.empty()) text.append(" (").append(name).append(")");
        say(3, text.append(", and the guest with it").view());
    } else if (status->value != 0) {
        say(3, text.append(" ended with code ").append_number(status->value).view());
    }
    return status->shell_code();
}

void Keeper::restore_terminal() {
    if (foreground_) foreground_->restore();
}

int Keeper::leave() {
    restore_terminal();
    readers_.finish();
    if (settings_.epilogue && settings_.given.has(wire::kKeeperStead)) {
        take_leave();
        const bool reboot = !settings_.foreground && guest_code_ && guest_end_ == EndKind::Reboot;
        say_about(become_epilogue(wire::kKeeperStead, settings_.name.view(), code_, reboot));
    }
    if (!remove_remains(wire::kKeeperConfig) && settings_.given.has(wire::kKeeperStead)) {
        const int lock = settings_.given.has(wire::kKeeperLock) ? wire::kKeeperLock : -1;
        const auto cleaned =
            clean_up(wire::kKeeperStead, lock, settings_.name.view(), settings_.cleanup_timeout);
        if (!cleaned) say_about(cleaned.error());
    }
    take_leave();
    return code_;
}

void Keeper::take_leave() {
    log_files_.flush();
    const Instant limit = sys::now() + kLastLines;
    // Each gets its chance, whether or not the other is done.
    const auto both_done = [&] {
        const bool done = out_.flush();
        return err_.flush() && done;
    };
    while (!both_done() && sys::now() < limit)
        (void)sys::is_writable(out_.fd(), 20); // a pause, whatever it says
}

} // namespace stead::keep
