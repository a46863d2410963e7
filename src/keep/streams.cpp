#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>
#include <span>

#include "keep/keeper.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/stream.h"
#include "wire/boot.h"

namespace stead::keep {

namespace {

/// So many lines a journal that hung is spared.
constexpr std::uint32_t kJournalPause = 256;

/// As many lines as these bytes can be, and an unfinished one before them, are one batch.
constexpr std::size_t kBlockingChunk = 256;
static_assert(kBlockingChunk * 48 + 5 * kMaxLine <= LogFiles::kBatch);

} // namespace

void Keeper::read_stream(std::size_t index, int chunks) {
    Stream* stream = streams_.find(index);
    if (stream == nullptr) return;
    const auto sink = [&](std::string_view text, bool continued) {
        write_line(stream->file, stream->kind, text, continued);
    };
    const bool blocks = files_.find(stream->file)->blocks;
    for (int count = 0; count < chunks; ++count) {
        // Only what fits into one batch is taken from a pipe whose lines must not be lost.
        if (blocks && !log_files_.flush()) {
            (void)sys::unwatch(epoll_.get(), stream->pipe.get());
            stream->waits = streams_wait_ = true;
            return;
        }
        const auto got = sys::read_some(
            stream->pipe.get(), std::span(chunk_).first(blocks ? kBlockingChunk : chunk_.size()));
        if (!got && got.error().code == EAGAIN) break;
        if (!got || *got == 0) {
            // Nobody can write any more. Closing takes the pipe out of epoll as far as we hold it;
            // PID 1's own copy keeps it there, so it is taken out by name.
            stream->lines.finish(pool_, sink);
            (void)sys::unwatch(epoll_.get(), stream->pipe.get());
            streams_.remove(index);
            return;
        }
        line_time_ = sys::realtime_now();
        stream->lines.feed({chunk_.data(), *got}, pool_, sink);
    }
    log_files_.flush();
}

void Keeper::resume_streams() {
    const Instant now = sys::now();
    if (!streams_wait_ || now < looked_again_ + kLookAgain) return;
    looked_again_ = now;
    if (!log_files_.flush()) return;
    streams_wait_ = false;
    for (std::size_t index = 0; index < streams_.high(); ++index) {
        Stream* stream = streams_.find(index);
        if (stream == nullptr || !stream->waits) continue;
        stream->waits = false;
        // It was watched before, so there is room for it.
        (void)sys::watch(epoll_.get(), stream->pipe.get(), EPOLLIN,
                         token_of(Source::Stream, index));
    }
}

void Keeper::drain_streams() {
    log_files_.hurry();
    // Every writer has ended, so each pipe has an end; the bound is for a pipe that somebody else
    // got hold of.
    constexpr int kChunksAtEnd = 256;
    for (std::size_t index = 0; index < streams_.high(); ++index)
        read_stream(index, kChunksAtEnd);
    for (std::size_t index = 0; index < streams_.high(); ++index) {
        Stream* stream = streams_.find(index);
        if (stream == nullptr) continue;
        stream->lines.finish(pool_, [&](std::string_view text, bool continued) {
            write_line(stream->file, stream->kind, text, continued);
        });
    }
    log_files_.flush();
}

void Keeper::write_line(std::size_t file, LogStream kind, std::string_view text, bool continued) {
    LogFile& log = *files_.find(file);
    store_line(log, kind, text, continued, 6);
    if (settings_.foreground) show(log.name.view(), text);
}

void Keeper::show(std::string_view unit, std::string_view text) {
    FixedString<kMaxUnitName + 40> prefix;
    if (settings_.timestamp) prefix.append(timestamp(line_time_).view()).append(" ");
    if (settings_.prefix) prefix.append(unit).append(": ");
    out_.line(prefix.view(), text);
}

void Keeper::store_line(
    LogFile& log, LogStream kind, std::string_view text, bool continued, int priority) {
    log_files_.append(log, line_time_, kind, text, continued);
    if (!settings_.given.has(wire::kKeeperJournal)) return;
    if (journal_pause_ > 0) {
        --journal_pause_;
        return;
    }
    const char digit = static_cast<char>('0' + (priority & 7));
    // Lines of "NAME=VALUE": a text with a newline would write fields of its own.
    const std::array<std::string_view, 3> parts{std::string_view(&digit, 1), log.name.view(),
                                                text.substr(0, text.find('\n'))};
    FixedString<kMaxLine + 512> record;
    for (const char& byte : settings_.journal.view()) {
        const auto which = static_cast<std::size_t>(static_cast<unsigned char>(byte));
        record.append(which < parts.size() ? parts[which] : std::string_view(&byte, 1));
    }
    // A journal that takes nothing for so long loses the line, which the file has; and those that
    // follow at once, so that a journal that hangs does not hold the guest's writers up.
    const auto sent = sys::write_some(wire::kKeeperJournal, record.view());
    if (!sent && sent.error().code == EAGAIN) journal_pause_ = kJournalPause;
}

} // namespace stead::keep
