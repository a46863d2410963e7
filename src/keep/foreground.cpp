#include "keep/foreground.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <tuple>
#include <utility>

#include "sys/events.h"
#include "sys/stream.h"
#include "sys/terminal.h"
#include "sys/unique_fd.h"
#include "wire/boot.h"

namespace stead::keep {

namespace {

Result<void> join(Relay& relay, int from, int to) {
    if (!sys::is_open(from) || !sys::is_open(to)) return {};
    sys::UniqueFd source = TRY(sys::duplicate(from));
    relay.open(std::move(source), TRY(sys::duplicate(to)));
    return {};
}

/// Makes our number the only holder's: what is left open would keep a pipe's other end waiting.
void drop(int number) {
    const sys::UniqueFd owned(number);
}

} // namespace

Foreground::~Foreground() {
    restore();
}

Result<void> Foreground::open() {
    if (given_.has(wire::kKeeperTerminal)) {
        used_ = true;
        terminal_ = true;
        TRY(join(relays_[kIn], STDIN_FILENO, wire::kKeeperTerminal));
        TRY(join(relays_[kOut], wire::kKeeperTerminal, STDOUT_FILENO));
        make_raw();
        resize();
        return {};
    }
    for (const auto& [line, from, to] :
         {std::tuple{kIn, int{STDIN_FILENO}, int{wire::kKeeperInput}},
          std::tuple{kOut, int{wire::kKeeperOutput}, int{STDOUT_FILENO}},
          std::tuple{kErr, int{wire::kKeeperError}, int{STDERR_FILENO}}}) {
        const int given = line == kIn ? to : from;
        if (!given_.has(given)) continue;
        used_ = true;
        TRY(join(relays_[line], from, to));
        drop(given);
    }
    return {};
}

void Foreground::make_raw() {
    if (!sys::in_foreground(STDIN_FILENO)) return;
    const auto mode = sys::terminal_mode(STDIN_FILENO);
    if (!mode) return; // our input is no terminal: there is nothing to set
    if (!before_) before_ = *mode;
    (void)sys::set_terminal_mode(STDIN_FILENO, sys::raw_mode(*mode)); // then it stays as it is
}

void Foreground::restore() {
    if (!before_) return;
    (void)sys::set_terminal_mode(STDIN_FILENO, *before_); // nothing else can be done about it
    before_.reset();
}

void Foreground::resume() {
    if (!terminal_) return;
    make_raw();
    resize();
}

void Foreground::resize() {
    if (!terminal_) return;
    const auto size = sys::window_size(STDIN_FILENO);
    // A jail that has closed its terminal has no size to set.
    if (size) (void)sys::set_window_size(wire::kKeeperTerminal, *size);
}

bool Foreground::pump() {
    busy_ = false;
    for (const Line line : {kIn, kOut, kErr}) {
        Relay& relay = relays_[line];
        if (relay.active()) {
            // Whoever closes must not be watched any more: its number may be given out again.
            unwatch(line);
            relay.pump();
            if (line == kIn && !relay.active()) end_of_input();
        }
        watch(line);
    }
    return busy_;
}

void Foreground::end_of_input() {
    if (!terminal_) return;
    // A terminal has no end but the character that stands for one (termios(3), VEOF).
    (void)sys::write_some(wire::kKeeperTerminal, "\x04"); // a jail that is gone needs none
}

void Foreground::watch(Line line) {
    const Relay& relay = relays_[line];
    const Relay::Wants wants = relay.wants();
    if (wants == Relay::Wants::Nothing) return;
    const bool output = wants == Relay::Wants::Output;
    const int fd = output ? relay.to() : relay.from();
    const std::uint32_t events = output ? EPOLLOUT : EPOLLIN;
    if (sys::watch(epoll_, fd, events, first_token_ + line)) {
        watched_[line] = fd;
    } else {
        // Plain files and /dev/null cannot be watched, for they are always ready (epoll_ctl(2),
        // EPERM).
        busy_ = true;
    }
}

void Foreground::unwatch(Line line) {
    if (watched_[line] < 0) return;
    (void)sys::unwatch(epoll_, watched_[line]); // it was added above
    watched_[line] = -1;
}

void Foreground::input_over() {
    unwatch(kIn);
    relays_[kIn].close();
}

void Foreground::hang_up() {
    if (!terminal_) return;
    give_up();
    terminal_ = false;
    drop(wire::kKeeperTerminal);
}

bool Foreground::drained() const {
    return !relays_[kOut].active() && !relays_[kErr].active();
}

void Foreground::give_up() {
    for (const Line line : {kIn, kOut, kErr}) {
        unwatch(line);
        relays_[line].close();
    }
}

} // namespace stead::keep
