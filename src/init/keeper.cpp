#include "init/keeper.h"

#include <sys/socket.h>

#include <cstdlib>
#include <cstring>

#include "init/control.h"
#include "init/loop.h"
#include "init/mailbox.h"
#include "init/output.h"
#include "init/ring.h"
#include "keep/notifier.h"
#include "sys/events.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

constexpr int kSyslogStream = 3;
constexpr std::uint32_t kWatched = EPOLLIN | EPOLLRDHUP;

void want_room(Supervisor& self, bool want) {
    if (self.keeper_blocked == want || !self.keeper) return;
    self.keeper_blocked = want;
    (void)sys::change_watch(self.epoll.get(), self.keeper.get(), kWatched | (want ? EPOLLOUT : 0U),
                            event_data(Source::Keeper));
}

/// False when the channel is full; a dead channel counts as sent, its end is noticed by epoll.
bool send(Supervisor& self, wire::Writer& message, std::span<const int> descriptors = {}) {
    const auto sent = sys::send(self.keeper.get(), message.bytes(), descriptors);
    if (sent || (sent.error().code != EAGAIN && sent.error().code != ENOBUFS)) return true;
    want_room(self, true);
    return false;
}

bool send_log_pipe(Supervisor& self, UnitId unit, bool error_stream, int fd) {
    std::array<std::byte, 768> buffer;
    wire::Writer message(buffer, wire::Kind::LogPipe);
    message.text(wire::Tag::Name, self.table.name(unit))
        .number(wire::Tag::Stream, error_stream ? 2 : 1)
        .number(wire::Tag::LogSize, static_cast<std::int64_t>(self.table.log_size(unit)))
        .number(wire::Tag::LogKeep, self.table.log_keep(unit));
    return send(self, message, std::span(&fd, 1));
}

bool send_pipe(Supervisor& self, UnitId unit, bool error_stream) {
    Unit& record = self.units[unit];
    const int fd = (error_stream ? record.error_read : record.output_read).get();
    if (!send_log_pipe(self, unit, error_stream, fd)) return false;
    (error_stream ? record.handed_error : record.handed_output) = true;
    return true;
}

bool send_syslog(Supervisor& self) {
    std::array<std::byte, 64> buffer;
    wire::Writer message(buffer, wire::Kind::LogPipe);
    message.number(wire::Tag::Stream, kSyslogStream);
    const int fd = self.syslog.get();
    self.handed_syslog = send(self, message, std::span(&fd, 1));
    return self.handed_syslog;
}

bool send_ring(Supervisor& self) {
    while (const auto record = ring_front(self.ring)) {
        wire::Writer message = begin_message(self, wire::Kind::LogText);
        const bool is_unit = record->unit != kSyslog;
        message.text(wire::Tag::Name, is_unit ? self.table.name(record->unit) : std::string_view{})
            .number(wire::Tag::Stream, !is_unit               ? kSyslogStream
                                       : record->error_stream ? 2
                                                              : 1)
            .text(wire::Tag::Text,
                  {reinterpret_cast<const char*>(record->bytes.data()), record->bytes.size()});
        if (!send(self, message)) return false;
        ring_pop(self.ring);
    }
    ring_release(self.ring);
    if (self.ring.dropped == 0) return true;
    wire::Writer lost = begin_message(self, wire::Kind::LogLost);
    lost.number(wire::Tag::Count, static_cast<std::int64_t>(self.ring.dropped));
    if (!send(self, lost)) return false;
    self.ring.dropped = 0;
    return true;
}

/// Sends what waits, oldest lines before the pipes whose newer ones the keeper then reads itself.
void flush(Supervisor& self) {
    if (!send_ring(self)) return;
    for (std::size_t i = 0; i < self.units.size(); ++i) {
        const auto unit = static_cast<UnitId>(i);
        const Unit& record = self.units[i];
        if (record.output_read && !record.handed_output && !send_pipe(self, unit, false)) return;
        if (record.error_read && !record.handed_error && !send_pipe(self, unit, true)) return;
    }
    if (self.syslog && !self.handed_syslog && !send_syslog(self)) return;
    want_room(self, false);
}

void lose_keeper(Supervisor& self) {
    self.keeper.close();
    self.keeper_blocked = false;
    self.handed_syslog = false;
    // The launcher died, and no later command knows of this guest.
    if (self.provisional) self.ended = true;
    for (Unit& unit : self.units) {
        unit.handed_output = false;
        unit.handed_error = false;
    }
    watch_outputs(self, true);
}

void obey_keeper(Supervisor& self) {
    for (int count = 0; count < kPerTurn && self.keeper; ++count) {
        begin_mail(self, Source::Keeper);
        const auto record = sys::receive(self.keeper.get(), self.received, self.mailbox.control);
        const std::size_t size = record ? record->size : 0;
        const int error = record ? 0 : record.error().code;
        const bool none = error == EAGAIN || error == EINTR;
        if (size != 0) {
            obey_keeper_message(self, size);
        } else if (!none && error != ECONNRESET) { // Told once; what was sent before follows.
            lose_keeper(self);
        }
        end_mail(self, size);
        if (none) return;
    }
}

} // namespace

void obey_keeper_message(Supervisor& self, std::size_t size) {
    const auto message = wire::Reader::open(self.received.first(size));
    if (!message) return;
    if (message->kind() == wire::Kind::StopGuest) ask_shutdown(self, EndKind::Exit);
    if (message->kind() == wire::Kind::Committed) self.provisional = false;
    if (message->kind() == wire::Kind::Ping) tell_readiness(self, "WATCHDOG=1");
    const std::string_view counts = message->text(wire::Tag::LogCounts);
    if (counts.size() == sizeof self.log_counts)
        std::memcpy(&self.log_counts, counts.data(), sizeof self.log_counts);
}

void attach_keeper(Supervisor& self, sys::UniqueFd channel) {
    // Whoever brings a channel later has found the guest.
    self.provisional = false;
    if (self.keeper) lose_keeper(self);
    watch_outputs(self, false);
    self.keeper.take(std::move(channel));
    (void)sys::watch(self.epoll.get(), self.keeper.get(), kWatched, event_data(Source::Keeper));
    flush(self);
}

void resume_keeper(Supervisor& self) {
    if (!self.keeper) return lose_keeper(self);
    self.keeper_blocked = false;
    (void)sys::watch(self.epoll.get(), self.keeper.get(), kWatched, event_data(Source::Keeper));
    flush(self);
}

void serve_keeper(Supervisor& self, std::uint32_t events) {
    if (!self.keeper) return;
    if ((events & EPOLLIN) != 0) obey_keeper(self);
    if (!self.keeper) return;
    if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0) return lose_keeper(self);
    if ((events & EPOLLOUT) != 0) flush(self);
}

void hand_pipe(Supervisor& self, UnitId unit, bool error_stream) {
    if (self.keeper_blocked) return; // Its turn comes with the others.
    (void)send_pipe(self, unit, error_stream);
}

void hand_input(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    record.input_write.close();
    if (!send_log_pipe(self, unit, false, record.input_read.get())) return;
    record.input_read.close();
}

void hand_syslog(Supervisor& self) {
    if (!self.keeper_blocked) (void)send_syslog(self);
}

void tell_keeper(Supervisor& self, Priority priority, std::string_view text) {
    std::array<std::byte, 768> buffer;
    wire::Writer message(buffer, wire::Kind::Say);
    message.number(wire::Tag::Priority, static_cast<int>(priority)).text(wire::Tag::Text, text);
    // A line for people is not worth waiting for.
    (void)send(self, message);
}

void tell_readiness(Supervisor& self, std::string_view words) {
    if (!self.launched) {
        // A service manager that takes nothing is its own affair.
        auto outside =
            keep::Notifier::open(std::getenv("NOTIFY_SOCKET")); // NOLINT(concurrency-mt-unsafe)
        if (outside) (void)outside->forward(words);
    }
    if (!self.keeper) return;
    std::array<std::byte, 768> buffer;
    wire::Writer message(buffer, wire::Kind::Notify);
    message.text(wire::Tag::Text, words);
    (void)send(self, message);
}

void tell_failed(Supervisor& self, UnitId unit) {
    if (!self.keeper) return;
    wire::Writer message = begin_message(self, wire::Kind::UnitFailed);
    message.text(wire::Tag::Name, self.table.name(unit));
    (void)send(self, message); // `status` knows it, too.
}

void tell_end(Supervisor& self) {
    if (!self.keeper) return;
    std::array<std::byte, 768> buffer;
    wire::Writer message(buffer, wire::Kind::GuestEnd);
    message.number(wire::Tag::End, static_cast<int>(self.end))
        .number(wire::Tag::Code, self.exit_code);
    // A keeper that hangs with a full channel still sees the exit code.
    (void)send(self, message);
}

bool pass_log_query(Supervisor& self, std::span<const std::byte> query, int write_end) {
    if (!self.keeper) return false;
    return sys::send(self.keeper.get(), query, std::span(&write_end, 1)).has_value();
}

} // namespace stead::init
