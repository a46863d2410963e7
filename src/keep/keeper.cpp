#include "keep/keeper.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "sys/clock.h"
#include "sys/events.h"
#include "sys/file.h"
#include "sys/signals.h"
#include "sys/stream.h"
#include "wire/boot.h"

namespace stead::keep {

namespace {

/// PID 1 said that the guest has ended and is still there: the kernel waits for a process that
/// cannot be ended.
constexpr Duration kHangNotice = 10_s;
constexpr int kChunksPerTurn = 4;
constexpr int kSyslogPerTurn = 64;

int number_if(Given given, int number) {
    return given.has(number) ? number : -1;
}

/// Whether `stead freeze` has stopped the guest: then it answers nothing, and does not hang.
bool is_frozen() {
    std::array<char, 64> text{};
    const auto events = sys::open_at(wire::kKeeperCgroup, "cgroup.events", O_RDONLY);
    const auto size = events ? sys::read_at(events->get(), text, 0) : Result<std::size_t>(0);
    return size && std::string_view(text.data(), *size).find("frozen 1") != std::string_view::npos;
}

} // namespace

Keeper::Keeper(const Settings& settings, bool attach, Memory& memory)
    : settings_(settings)
    , attach_(attach)
    , relay_memory_(memory.relays)
    , out_(memory.out)
    , err_(memory.err)
    , log_files_(number_if(settings.given, wire::kKeeperLogs), memory.batch)
    , readers_(number_if(settings.given, wire::kKeeperStead),
               number_if(settings.given, wire::kKeeperLogs),
               memory.readers)
    , pool_(memory.lines)
    , files_(memory.files)
    , streams_(memory.streams)
    , chunk_(memory.chunk)
    , message_(memory.message) {}

Result<void> Keeper::open() {
    // Each unit has pipes of its own: a small limit would lose output, so a failure is told later
    // by the pipe that finds no number.
    (void)sys::raise_open_files();
    epoll_ = TRY(sys::make_epoll());
    TRY(open_signals());
    TRY(open_descriptors());
    if (settings_.foreground) {
        out_.open(STDOUT_FILENO);
        err_.open(STDERR_FILENO);
        foreground_.emplace(epoll_.get(), token_of(Source::Foreground), settings_.given,
                            relay_memory_);
        TRY(foreground_->open());
    }
    // One thread, and nobody changes the environment.
    auto notifier = Notifier::open(std::getenv("NOTIFY_SOCKET")); // NOLINT(concurrency-mt-unsafe)
    if (notifier) {
        notifier_ = std::move(*notifier);
        notifier_.set_mute(settings_.mute);
    } else {
        say(4, describe(notifier.error()).append("; readiness is told to nobody").view());
    }
    return {};
}

Result<void> Keeper::open_descriptors() {
    TRY(sys::watch(epoll_.get(), wire::kKeeperChannel, EPOLLIN, token_of(Source::Channel)));
    if (attach_) {
        std::array<std::byte, 64> buffer;
        wire::Writer request(buffer, wire::Kind::AttachKeeper);
        return sys::send(wire::kKeeperChannel, request.bytes());
    }
    init_.pidfd.reset(wire::kKeeperPidfd);
    return sys::watch(epoll_.get(), init_.pidfd.get(), EPOLLIN, token_of(Source::Pidfd));
}

Result<void> Keeper::open_signals() {
    sys::SignalSet set = 0;
    for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD, SIGWINCH, SIGCONT}) {
        // Below nohup(1) HUP stays ignored: a blocked signal would come through the descriptor.
        if (signal != SIGHUP || !sys::is_ignored(signal)) set |= sys::signal_bit(signal);
    }
    TRY(sys::set_signal_mask(set));
    signals_ = TRY(sys::make_signal_fd(set));
    // A reader that is gone is an error of its write; a terminal may be set from the background.
    TRY(sys::ignore_signal(SIGPIPE));
    TRY(sys::ignore_signal(SIGTTOU));
    return sys::watch(epoll_.get(), signals_.get(), EPOLLIN, token_of(Source::Signals));
}

int Keeper::run() {
    bool busy = foreground_ && foreground_->pump();
    while (!ended_ || (foreground_ && foreground_->in_use() && !foreground_->drained())) {
        const int limit = timeout_ms();
        // Less than the period may be over when it ends, but never twice as much.
        const bool sooner = pings() && (limit < 0 || limit > settings_.watchdog_ms);
        turn(busy ? 0 : sooner ? settings_.watchdog_ms : limit);
        busy = foreground_ && foreground_->pump();
        flush_screens();
        resume_streams();
        tell_counts();
        ping();
    }
    return leave();
}

void Keeper::tell_counts() {
    counts_.lost = static_cast<std::int64_t>(log_files_.lost());
    counts_.problem = log_files_.problem();
    counts_.removed = readers_.removed();
    const std::int64_t sum = counts_.lost + counts_.refused + counts_.flooded + counts_.removed;
    counts_due_ = sum != told_counts_ && channel_open_;
    if (!counts_due_) return;
    const Instant now = sys::now();
    if (now < counts_told_ + kLookAgain) return;
    std::array<std::byte, 128> buffer;
    wire::Writer message(buffer, wire::Kind::LogCounts);
    message.text(wire::Tag::LogCounts, {reinterpret_cast<const char*>(&counts_), sizeof counts_});
    // A PID 1 that takes nothing now is told again.
    counts_due_ = !sys::send(wire::kKeeperChannel, message.bytes());
    if (!counts_due_) told_counts_ = sum;
    counts_told_ = now;
}

bool Keeper::pings() const {
    return settings_.watchdog_ms != 0 && channel_open_ && !ended_;
}

void Keeper::ping() {
    const Instant now = sys::now();
    if (!pings() || now < pinged_ + Duration{settings_.watchdog_ms * std::int64_t{1'000'000}})
        return;
    pinged_ = now;
    std::array<std::byte, 32> buffer;
    wire::Writer message(buffer, wire::Kind::Ping);
    (void)sys::send(wire::kKeeperChannel, message.bytes()); // A full channel is one that hangs.
    if (settings_.given.has(wire::kKeeperCgroup) && is_frozen())
        (void)notifier_.forward("WATCHDOG=1");
}

int Keeper::timeout_ms() {
    if (counts_due_ || streams_wait_) return static_cast<int>(kLookAgain.ms());
    if (ended_ || end_said_.is_never() || hang_told_) return -1;
    const Duration left = end_said_ + kHangNotice - sys::now();
    if (left.ns > 0) return static_cast<int>(left.ms()) + 1;
    hang_told_ = true;
    say(4, "the guest has ended, but the kernel still waits for one of its processes");
    return -1;
}

void Keeper::turn(int timeout_ms) {
    std::array<epoll_event, 32> events;
    const auto count = sys::wait_events(epoll_.get(), events, timeout_ms);
    if (!count) return; // EINTR when we were stopped and go on
    for (std::size_t index = 0; index < *count; ++index)
        on_event(events[index].data.u64);
    // What a log could not take is tried again, whether or not more is written.
    if (!log_files_.flush()) streams_wait_ = true;
    if (log_files_.has_rotated() && readers_.tidy(settings_.name.view()))
        log_files_.forget_rotation();
}

void Keeper::on_event(std::uint64_t token) {
    const auto index = static_cast<std::size_t>(token & 0xffffffffU);
    switch (static_cast<Source>(token >> 32U)) {
    case Source::Channel:
        on_channel();
        return;
    case Source::Pidfd:
        on_pidfd();
        return;
    case Source::Signals:
        on_signals();
        return;
    case Source::Stream:
        read_stream(index, kChunksPerTurn);
        return;
    case Source::Syslog:
        read_syslog(kSyslogPerTurn);
        return;
    case Source::Screen:
    case Source::Foreground:
        return; // flush_screens and pump follow every turn
    }
}

void Keeper::flush_screens() {
    const bool first = out_.flush();
    const bool done = err_.flush() && first;
    if (done == !out_watched_) return;
    // Only standard output is waited for; standard error carries a few lines.
    if (done) {
        (void)sys::unwatch(epoll_.get(), out_.fd()); // it was added below
        out_watched_ = false;
    } else if (sys::watch(epoll_.get(), out_.fd(), EPOLLOUT, token_of(Source::Screen))) {
        out_watched_ = true;
    }
}

} // namespace stead::keep
