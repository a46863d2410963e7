#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "keep/keeper.h"
#include "model/exec.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/stream.h"
#include "wire/boot.h"

namespace stead::keep {

namespace {

/// Then the loop looks at its other descriptors; PID 1 cannot keep us busy for itself alone.
constexpr int kMessagesPerTurn = 32;
constexpr std::int64_t kSyslogStream = 3;
/// The guest's own log: what PID 1 and the keeper have to say.
constexpr std::string_view kGuestLog = "stead";

void set_limits(LogFile& file, const wire::Reader& message) {
    const std::int64_t size = message.number(wire::Tag::LogSize);
    const auto keep = static_cast<std::uint32_t>(message.number(wire::Tag::LogKeep, -1));
    if (size > 0) file.limit = static_cast<std::uint64_t>(size);
    // A rotation knows the most that is kept.
    if (keep < 2 * kLogBlocks) {
        file.keep = keep % kLogBlocks;
        file.blocks = keep >= kLogBlocks;
    }
}

} // namespace

void Keeper::on_channel() {
    for (int count = 0; count < kMessagesPerTurn && receive_message(); ++count) {
    }
}

bool Keeper::receive_message() {
    if (!channel_open_) return false;
    auto record = sys::receive(wire::kKeeperChannel, message_);
    if (!record && record.error().code == EAGAIN) return false;
    // Told once, of a PID 1 that ended without reading its own messages: those for us follow.
    if (!record && record.error().code == ECONNRESET) return true;
    if (!record || record->size == 0) {
        // PID 1 is ending, or has given us up; its pidfd tells which.
        (void)sys::unwatch(epoll_.get(), wire::kKeeperChannel); // it was added at the start
        channel_open_ = false;
        // On a connection of our own there may be no pidfd yet, and nothing more will come.
        if (attach_ && !init_.pidfd) ended_ = true;
        return false;
    }
    if (record->truncated) return true;
    const auto message = wire::Reader::open(std::span(message_).first(record->size));
    if (message) on_message(*message, *record);
    return true;
}

void Keeper::on_message(const wire::Reader& message, sys::Record& record) {
    sys::UniqueFd& passed = record.descriptors[0];
    if (message.kind() == wire::Kind::LogPipe) {
        on_log_pipe(message, std::move(passed));
    } else if (message.kind() == wire::Kind::LogText) {
        on_log_text(message);
    } else if (message.kind() == wire::Kind::LogLost) {
        on_log_lost(message);
    } else if (message.kind() == wire::Kind::LogQuery || message.kind() == wire::Kind::Logs) {
        // PID 1 passes a client's request on as it came.
        on_log_query(message, std::move(passed));
    } else if (message.kind() == wire::Kind::Say) {
        on_say(message);
    } else if (message.kind() == wire::Kind::Notify) {
        // A service manager that takes nothing is its own affair, and the next line comes soon.
        (void)notifier_.forward(message.text(wire::Tag::Text));
    } else if (message.kind() == wire::Kind::UnitFailed) {
        // Only where there is a service manager there is a bus.
        if (!settings_.journal.empty())
            (void)readers_.announce_failure(settings_.name.view(), message.text(wire::Tag::Name));
    } else if (message.kind() == wire::Kind::GuestEnd) {
        const std::int64_t end = message.number(wire::Tag::End);
        if (end >= 0 && end <= static_cast<std::int64_t>(EndKind::Halt))
            guest_end_ = static_cast<EndKind>(end);
        guest_code_ = static_cast<int>(message.number(wire::Tag::Code) & 0xff);
        end_said_ = sys::now();
        FixedString<32> words("EXIT_STATUS=");
        (void)notifier_.forward(words.append_number(*guest_code_).view()); // As above.
    } else if (message.kind() == wire::Kind::AttachKeeper && attach_ && !init_.pidfd) {
        on_attached(std::move(passed));
    }
    // Anything else is of a later version, and no concern of ours.
}

void Keeper::on_attached(sys::UniqueFd pidfd) {
    if (!pidfd || !sys::watch(epoll_.get(), pidfd.get(), EPOLLIN, token_of(Source::Pidfd))) return;
    init_.pidfd = std::move(pidfd);
}

std::size_t Keeper::file_of(std::string_view name) {
    if (!valid_log_name(name)) return kNoFile;
    for (std::size_t index = 0; index < files_.high(); ++index) {
        const LogFile* known = files_.find(index);
        if (known != nullptr && known->name.view() == name) return index;
    }
    LogFile file;
    file.name.append(name);
    file.limit = settings_.log_size;
    file.keep = settings_.log_keep;
    return files_.add(file);
}

void Keeper::on_log_pipe(const wire::Reader& message, sys::UniqueFd pipe) {
    if (message.number(wire::Tag::Stream) == kSyslogStream) return take_syslog(std::move(pipe));
    const std::size_t file = file_of(message.text(wire::Tag::Name));
    if (file == kNoFile || !pipe) return;
    set_limits(*files_.find(file), message);
    const bool error = message.number(wire::Tag::Stream) == 2;
    // PID 1 holds the same open pipe and never waits on it either.
    (void)sys::set_nonblocking(pipe.get(), true); // a pipe end can always be set
    const int fd = pipe.get();
    const std::size_t index = streams_.add({.pipe = std::move(pipe),
                                            .file = static_cast<std::uint16_t>(file),
                                            .kind = error ? LogStream::Error : LogStream::Output,
                                            .lines = {}});
    if (index == kMaxStreams) {
        say(4, "too many log pipes; one unit's output stays in its pipe");
        return;
    }
    if (!sys::watch(epoll_.get(), fd, EPOLLIN, token_of(Source::Stream, index)))
        streams_.remove(index);
}

void Keeper::on_log_text(const wire::Reader& message) {
    const std::string_view bytes = message.text(wire::Tag::Text);
    if (message.number(wire::Tag::Stream) == kSyslogStream) {
        sys::Record record;
        record.size = std::min(bytes.size(), kMaxSyslog + 1);
        std::memcpy(chunk_.data() + kSyslogRoom, bytes.data(), record.size);
        return on_syslog(record);
    }
    const std::size_t file = file_of(message.text(wire::Tag::Name));
    if (file == kNoFile) return;
    const bool error = message.number(wire::Tag::Stream) == 2;
    const LogStream kind = error ? LogStream::Error : LogStream::Output;
    const auto sink = [&](std::string_view text, bool continued) {
        write_line(file, kind, text, continued);
    };
    line_time_ = sys::realtime_now();
    // The ring may end within a line that goes on in the pipe.
    Stream* stream =
        streams_.find_if([&](const Stream& one) { return one.file == file && one.kind == kind; });
    if (stream != nullptr) {
        stream->lines.feed(bytes, pool_, sink);
    } else {
        LineSplitter alone;
        alone.feed(bytes, pool_, sink);
        alone.finish(pool_, sink);
    }
}

void Keeper::on_log_lost(const wire::Reader& message) {
    FixedString<96> text;
    text.append_number(message.number(wire::Tag::Count))
        .append(" bytes of output were lost while there was no keeper");
    say(4, text.view());
}

void Keeper::on_log_query(const wire::Reader& message, sys::UniqueFd output) {
    const std::string_view unit = message.text(wire::Tag::Name);
    if (!output || (!unit.empty() && !valid_log_name(unit))) return;
    log_files_.flush();
    const auto flags = static_cast<std::uint64_t>(message.number(wire::Tag::Flags));
    const LogRequest request{.unit = unit,
                             .lines = message.number(wire::Tag::Count),
                             .since = message.number(wire::Tag::Since),
                             .follow = (flags & wire::kFollow) != 0};
    const auto started = readers_.start(request, std::move(output));
    // The client sees an end without lines; here stands why.
    if (!started) say_about(started.error());
}

void Keeper::on_say(const wire::Reader& message) {
    say(static_cast<int>(message.number(wire::Tag::Priority, 6)), message.text(wire::Tag::Text));
}

void Keeper::say(int priority, std::string_view text) {
    line_time_ = sys::realtime_now();
    if (LogFile* log = files_.find(file_of(kGuestLog)))
        store_line(*log, LogStream::Say, text, false, priority);
    // Beside a jail's own output only what went wrong is worth a line.
    constexpr int kWarning = 4;
    if (settings_.foreground && (!foreground_ || !foreground_->in_use() || priority <= kWarning))
        err_.line("stead: ", text);
}

void Keeper::say_about(const Error& error) {
    say(4, describe(error).view());
}

} // namespace stead::keep
