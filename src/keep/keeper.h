#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "keep/foreground.h"
#include "keep/helpers.h"
#include "keep/lines.h"
#include "keep/log_files.h"
#include "keep/notifier.h"
#include "keep/screen.h"
#include "keep/settings.h"
#include "keep/syslog.h"
#include "keep/table.h"
#include "model/state.h"
#include "sys/process.h"
#include "sys/unique_fd.h"
#include "sys/unix_socket.h"
#include "wire/message.h"

namespace stead::keep {

/// The keeper's event loop: what it holds and how its parts meet. What is large lies apart in
/// `Memory`, whose pages are touched only as they are needed, so that what is small fits into one.
class Keeper {
public:
    struct Memory;

    Keeper(const Settings& settings, bool attach, Memory& memory);

    /// Everything that can fail is opened here; then `run` until the end. The exit code.
    Result<void> open();
    int run();
    /// Gives the terminal back as it was, where the foreground had it.
    void restore_terminal();

private:
    static constexpr std::size_t kMaxFiles = kMaxUnits + 64;
    static constexpr std::size_t kMaxStreams = 2 * kMaxUnits + 64;
    static constexpr std::size_t kNoFile = kMaxFiles;
    static constexpr std::size_t kPage = 4096;
    /// In front of a syslog message.
    static constexpr std::size_t kSyslogRoom = 8;
    /// How often PID 1 is told of counts, and a log that cannot be written is tried again.
    static constexpr Duration kLookAgain = 1_s;
    static constexpr std::size_t kChunk = std::size_t{16} * 1024;

    /// epoll tokens: what in the upper half, which one in the lower.
    enum class Source : std::uint64_t {
        Channel,
        Pidfd,
        Signals,
        Stream,
        Screen,
        Foreground,
        Syslog
    };

    static constexpr std::uint64_t token_of(Source source, std::size_t index = 0) {
        return static_cast<std::uint64_t>(source) << 32U | index;
    }

    struct Stream {
        sys::UniqueFd pipe;
        std::uint16_t file = 0;
        /// Not watched until the log it belongs to can be written again.
        bool waits = false;
        LogStream kind = LogStream::Output;
        LineSplitter lines;
    };

    // keeper.cpp: the loop.
    Result<void> open_descriptors();
    Result<void> open_signals();
    void turn(int timeout_ms);
    void on_event(std::uint64_t token);
    [[nodiscard]] int timeout_ms();
    void flush_screens();

    // messages.cpp: what PID 1 says.
    void on_channel();
    /// One message; false when none is waiting.
    bool receive_message();
    void on_message(const wire::Reader& message, sys::Record& record);
    void on_log_pipe(const wire::Reader& message, sys::UniqueFd pipe);
    void on_log_text(const wire::Reader& message);
    void on_log_lost(const wire::Reader& message);
    void on_log_query(const wire::Reader& message, sys::UniqueFd output);
    void on_say(const wire::Reader& message);
    void on_attached(sys::UniqueFd pidfd);
    /// The index of the log of `name`; kNoFile for a name that is none, or when there are too many.
    std::size_t file_of(std::string_view name);
    void say_about(const Error& error);

    // streams.cpp: what the units say.
    void read_stream(std::size_t index, int chunks);
    void drain_streams();
    /// Looks again after those that wait.
    void resume_streams();
    void write_line(std::size_t file, LogStream kind, std::string_view text, bool continued);
    void show(std::string_view unit, std::string_view text);
    /// Into the file, and into the host's journal where that was given.
    void
    store_line(LogFile& log, LogStream kind, std::string_view text, bool continued, int priority);
    /// A line of our own, to the guest's log and to people.
    void say(int priority, std::string_view text);

    // syslog_lines.cpp: what comes to /dev/log.
    void take_syslog(sys::UniqueFd socket);
    /// At most `count` messages.
    void read_syslog(int count);
    /// A datagram at `kSyslogRoom` of the chunk.
    void on_syslog(const sys::Record& record);

    /// Tells PID 1 what has been counted, at most once a second.
    void tell_counts();
    /// Asks PID 1 for a sign of life, when it is time; the answer goes to the service manager.
    void ping();
    [[nodiscard]] bool pings() const;

    // ending.cpp: signals, the end, the exit code.
    void on_signals();
    void ask_to_stop();
    void on_pidfd();
    [[nodiscard]] int exit_code(const std::optional<ExitStatus>& status);
    int leave();
    /// Everything said has reached files and people.
    void take_leave();

    Settings settings_;
    bool attach_;
    int code_ = 0;
    bool ended_ = false;
    bool channel_open_ = true;
    bool hang_told_ = false;
    bool streams_wait_ = false;
    Instant looked_again_;
    int stop_requests_ = 0;
    std::int64_t line_time_ = 0;
    /// Lines that do not go to the journal, because it hung.
    std::uint32_t journal_pause_ = 0;
    wire::LogCounts counts_;
    /// The sum of what PID 1 was told last: no count ever falls.
    std::int64_t told_counts_ = 0;
    Instant counts_told_;
    Instant pinged_;
    bool counts_due_ = false;
    std::optional<int> guest_code_;
    EndKind guest_end_ = EndKind::Exit;
    Instant end_said_ = Instant::never();

    sys::UniqueFd epoll_;
    sys::UniqueFd signals_;
    sys::Process init_;
    Notifier notifier_;
    sys::UniqueFd syslog_;
    Foreground::Memory& relay_memory_;
    Screen out_;
    Screen err_;
    bool out_watched_ = false;
    std::optional<Foreground> foreground_;
    LogFiles log_files_;
    LogReaders readers_;
    LinePool pool_;
    Table<LogFile, kMaxFiles> files_;
    Table<Stream, kMaxStreams> streams_;
    std::array<char, kChunk>& chunk_;
    std::array<std::byte, wire::kMaxMessage>& message_;
};

struct Keeper::Memory {
    Table<LogFile, kMaxFiles>::Memory files;
    alignas(kPage) Table<Stream, kMaxStreams>::Memory streams;
    alignas(kPage) std::array<char, kChunk> chunk;
    alignas(kPage) std::array<std::byte, wire::kMaxMessage> message;
    alignas(kPage) LogFiles::Memory batch;
    alignas(kPage) Screen::Memory out;
    alignas(kPage) Screen::Memory err;
    alignas(kPage) LinePool::Memory lines;
    alignas(kPage) LogReaders::Memory readers;
    alignas(kPage) Foreground::Memory relays;
};

} // namespace stead::keep
