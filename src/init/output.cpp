#include "init/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "init/keeper.h"
#include "init/loop.h"
#include "init/mailbox.h"
#include "init/ring.h"
#include "sys/events.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

int console_of(bool error_stream) {
    return error_stream ? STDERR_FILENO : STDOUT_FILENO;
}

/// In somebody else's container: whether units write to a pipe of ours, not to the console itself.
/// So they do where a runtime collects what is written; a terminal or a file is theirs.
bool relays(bool error_stream) {
    struct stat about {};

    return ::fstat(console_of(error_stream), &about) == 0 &&
           (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode));
}

/// Passes on what is in the pipe, to `patience` milliseconds late, and keeps it in the ring; false
/// when there was nothing, or the console takes nothing.
bool relay(Supervisor& self, UnitId unit, bool error_stream, int patience) {
    SlotFd& read = error_stream ? self.units[unit].error_read : self.units[unit].output_read;
    const int console = console_of(error_stream);
    pollfd room{console, POLLOUT, 0};
    if (self.console_full && patience != 0) return false;
    if (::poll(&room, 1, patience) == 0) {
        // What units write next waits in their own pipes.
        self.console_full = true;
        watch_outputs(self, false);
        (void)sys::watch(self.epoll.get(), console, EPOLLOUT,
                         event_data(Source::Console, static_cast<std::size_t>(console)));
        return false;
    }
    // A pipe with room takes so many bytes at once.
    const auto buffer = self.received.first(PIPE_BUF);
    const ssize_t size = ::read(read.get(), buffer.data(), buffer.size());
    if (size <= 0) return false;
    const auto bytes = buffer.first(static_cast<std::size_t>(size));
    ring_append(self.ring, unit, error_stream, bytes);
    const bool gone = ::write(console, bytes.data(), bytes.size()) < 0 && errno == EPIPE;
    // Nobody reads any more, which whoever writes next is told by his own pipe.
    if (gone) read.close();
    return !gone;
}

/// Without a keeper PID 1 reads what units write, unless they would rather wait for the next one.
bool waits_for_keeper(const Supervisor& self, UnitId unit) {
    return self.launched && (self.table.log_keep(unit) & kLogBlocks) != 0;
}

Result<int> log_pipe(Supervisor& self, UnitId unit, bool error_stream) {
    Unit& record = self.units[unit];
    SlotFd& read = error_stream ? record.error_read : record.output_read;
    SlotFd& write = error_stream ? record.error_write : record.output_write;
    if (write) return write.get();

    auto pipe = TRY(sys::make_pipe());
    // Only our end must not block: the flag belongs to the description, and services expect a pipe
    // that does.
    if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) < 0) return last_error("fcntl");
    read.take(std::move(pipe.read));
    write.take(std::move(pipe.write));
    (error_stream ? record.handed_error : record.handed_output) = false;
    if (self.keeper) {
        hand_pipe(self, unit, error_stream);
    } else if (!waits_for_keeper(self, unit)) {
        (void)sys::watch(self.epoll.get(), read.get(), EPOLLIN,
                         event_data(error_stream ? Source::ErrorOutput : Source::Output, unit));
    }
    return write.get();
}

/// The pipe that logger `unit` reads from; it blocks those who write faster than it reads.
Result<void> make_input(Unit& unit) {
    if (unit.input_read) return {};
    auto pipe = TRY(sys::make_pipe());
    unit.input_read.take(std::move(pipe.read));
    unit.input_write.take(std::move(pipe.write));
    return {};
}

Result<spawn::Stream> output_stream(
    Supervisor& self, UnitId unit, bool error_stream, OutputKind kind, std::string_view path) {
    using Kind = spawn::Stream::Kind;
    switch (kind) {
    case OutputKind::Null:
        return spawn::Stream{.kind = Kind::Null};
    case OutputKind::File:
        return spawn::Stream{.kind = Kind::File, .path = path.data()};
    case OutputKind::Inherit:
        return spawn::Stream{.kind = Kind::Descriptor,
                             .fd = error_stream ? STDERR_FILENO : STDOUT_FILENO};
    case OutputKind::Unit: {
        const auto logger = self.table.find(path);
        if (!logger) return make_error("output into unit", path, ENOENT);
        TRY(make_input(self.units[*logger]));
        return spawn::Stream{.kind = Kind::Descriptor, .fd = self.units[*logger].input_write.get()};
    }
    case OutputKind::Log:
    case OutputKind::Console: // A guest's console is its keeper; ours is what we write to.
        break;
    }
    if (!self.launched && (kind == OutputKind::Console || !relays(error_stream)))
        return output_stream(self, unit, error_stream, OutputKind::Inherit, path);
    const int fd = TRY(log_pipe(self, unit, error_stream));
    return spawn::Stream{.kind = Kind::Descriptor, .fd = fd};
}

/// Both streams of a unit end in the same pipe, where their order is to stay.
bool is_one_console(const Supervisor& self, const ExecView& exec) {
    struct stat output {};

    struct stat error {};

    if (self.launched || exec.output != OutputKind::Log || exec.error != OutputKind::Log)
        return false;
    return ::fstat(STDOUT_FILENO, &output) == 0 && ::fstat(STDERR_FILENO, &error) == 0 &&
           output.st_dev == error.st_dev && output.st_ino == error.st_ino;
}

Result<void>
add_ready_pipe(Supervisor& self, UnitId unit, const ExecView& exec, spawn::Child& prepared) {
    Unit& record = self.units[unit];
    auto pipe = TRY(sys::make_pipe());
    if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) < 0) return last_error("fcntl");
    record.ready.take(std::move(pipe.read));
    TRY(sys::watch(self.epoll.get(), record.ready.get(), EPOLLIN, event_data(Source::Ready, unit)));
    prepared.extra = pipe.write.release();
    prepared.extra_number = static_cast<int>(exec.ready_fd);
    return {};
}

Result<void>
fill_outputs(Supervisor& self, UnitId unit, const ExecView& exec, spawn::Child& prepared) {
    using Kind = spawn::Stream::Kind;
    prepared.streams[1] = TRY(output_stream(self, unit, false, exec.output, exec.output_path));
    const bool together = exec.error_follows_output || is_one_console(self, exec);
    if (together && prepared.streams[1].fd != STDOUT_FILENO) {
        prepared.streams[2] = {.kind = Kind::Output};
    } else {
        prepared.streams[2] = TRY(output_stream(self, unit, true, exec.error, exec.error_path));
    }
    return {};
}

} // namespace

Result<void> fill_streams(
    Supervisor& self, UnitId unit, CommandRole role, const ExecView& exec, spawn::Child& prepared) {
    using Kind = spawn::Stream::Kind;
    const bool main = role == CommandRole::Main;
    if (main && exec.inherit_input)
        prepared.streams[0] = {.kind = Kind::Descriptor, .fd = STDIN_FILENO};
    if (main && exec.inherit_input && exec.controlling_terminal && ::isatty(STDIN_FILENO) == 1)
        prepared.controlling_terminal = true;

    if (main && exec.reads_units) {
        TRY(make_input(self.units[unit]));
        prepared.streams[0] = {.kind = Kind::Descriptor, .fd = self.units[unit].input_read.get()};
    }

    // A terminal of the unit's own is opened by the child.
    if (!prepared.own_terminal) TRY(fill_outputs(self, unit, exec, prepared));

    const UnitPolicy& policy = self.table.policy(unit);
    if (main && (policy.type == UnitType::NotifyFd || policy.ready == ReadyKind::Fd))
        return add_ready_pipe(self, unit, exec, prepared);
    return {};
}

void close_ready_write(spawn::Child& prepared) {
    if (prepared.extra >= 0) ::close(prepared.extra);
    prepared.extra = -1;
}

void read_output(Supervisor& self, UnitId unit, bool error_stream) {
    SlotFd& read = error_stream ? self.units[unit].error_read : self.units[unit].output_read;
    if (!read) return;
    if (!self.launched) {
        (void)relay(self, unit, error_stream, 0); // It comes back as long as there is more.
        return;
    }
    auto& buffer = self.received;
    const ssize_t size = ::read(read.get(), buffer.data(), buffer.size());
    if (size <= 0) return;
    ring_append(self.ring, unit, error_stream,
                std::span<const std::byte>(buffer).first(static_cast<std::size_t>(size)));
}

void take_syslog(Supervisor& self, sys::UniqueFd bound) {
    self.syslog.take(std::move(bound));
    if (self.keeper && self.syslog) hand_syslog(self);
}

void read_syslog(Supervisor& self) {
    // Descriptors that ride along are closed by the kernel.
    const ssize_t size = ::read(self.syslog.get(), self.received.data(), self.received.size());
    if (size > 0)
        ring_append(self.ring, kSyslog, false, self.received.first(static_cast<std::size_t>(size)));
}

void watch_outputs(Supervisor& self, bool on) {
    const auto change = [&](const SlotFd& fd, Source source, std::size_t unit) {
        if (!fd) return;
        if (on) {
            (void)sys::watch(self.epoll.get(), fd.get(), EPOLLIN, event_data(source, unit));
        } else {
            (void)sys::unwatch(self.epoll.get(), fd.get());
        }
    };
    for (std::size_t i = 0; i < self.units.size(); ++i) {
        if (on && waits_for_keeper(self, static_cast<UnitId>(i))) continue;
        change(self.units[i].output_read, Source::Output, i);
        change(self.units[i].error_read, Source::ErrorOutput, i);
    }
    change(self.syslog, Source::Syslog, 0);
}

void resume_console(Supervisor& self, int console) {
    (void)sys::unwatch(self.epoll.get(), console);
    self.console_full = false;
    watch_outputs(self, true);
}

void drain_output(Supervisor& self, UnitId unit, int patience) {
    for (const bool error_stream : {false, true}) {
        const Unit& record = self.units[unit];
        const SlotFd& read = error_stream ? record.error_read : record.output_read;
        while (read && relay(self, unit, error_stream, patience)) {
        }
    }
}

void close_output(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    if (!self.launched) {
        drain_output(self, unit, 0);
        // What the console does not take yet keeps its pipe, which the next start uses again.
        if (self.console_full) return;
    }
    if (self.launched && !self.keeper) {
        read_output(self, unit, false);
        read_output(self, unit, true);
    }
    // A pipe that the keeper has not been given yet would take the last lines with it.
    if (self.keeper && record.output_read && !record.handed_output) return;
    if (self.keeper && record.error_read && !record.handed_error) return;
    // The next start reads on; when none will come, the rest is a log.
    if (self.keeper && record.input_read && self.engine->shutting_down()) hand_input(self, unit);
    record.output_read.close();
    record.output_write.close();
    record.error_read.close();
    record.error_write.close();
}

void obey_ready(Supervisor& self, UnitId unit) {
    const auto& text = self.mailbox.text;
    if (std::find(text.begin(), text.end(), std::byte{'\n'}) == text.end()) return;
    tell_engine(self, engine::EventKind::Ready, unit);
    self.units[unit].ready.close();
}

void read_ready(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    if (!record.ready) return;
    begin_mail(self, Source::Ready, unit);
    const ssize_t size =
        ::read(record.ready.get(), self.mailbox.text.data(), self.mailbox.text.size());
    if (size > 0) obey_ready(self, unit);
    // Its end: nobody will say anything any more.
    if (size == 0) record.ready.close();
    end_mail(self);
}

} // namespace stead::init
