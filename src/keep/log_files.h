#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/fixed_string.h"
#include "keep/lines.h"
#include "model/names.h"
#include "sys/unique_fd.h"

namespace stead::keep {

/// Smaller limits are raised to this, so that one line always fits into one file and the disk bound
/// of (keep + 1) * size holds to the byte.
inline constexpr std::uint64_t kMinLogSize = std::uint64_t{32} * 1024;
inline constexpr std::uint32_t kMaxLogKeep = 99;

/// A unit's name becomes a folder's: no slash, no control character, not "." or "..", not too long.
bool valid_log_name(std::string_view name);

/// Where a line came from, as it stands in the file.
enum class LogStream : std::uint8_t {
    Output = 1,
    Error = 2,
    /// PID 1's own words.
    Say = 3,
    /// The keeper's own remarks: lines lost.
    Mark = 4,
    /// What came to /dev/log, with its priority in front ("<6>").
    Syslog = 5
};

/// One unit's files: `current` and its predecessors `current.1` (the youngest) to `current.KEEP`.
/// Every line of them is `TIME STREAM TEXT`: RFC 3339 in UTC with microseconds; out, err, sys, say
/// or
/// ---, with a plus sign where the line goes on in the next one of that stream; the text with every
/// unsafe byte as \xNN. So no program can forge a line of another or reach a terminal.
struct LogFile {
    FixedString<kMaxUnitName> name;
    std::uint64_t limit = kMinLogSize;
    std::uint32_t keep = 0;
    /// What cannot be written is not dropped: it waits, and so do those who write.
    bool blocks = false;
    /// Bytes in `current`; known only while it is open.
    std::uint64_t size = 0;
    /// Lines that could not be written, and why (errno), until a mark in the file says so.
    std::uint64_t dropped = 0;
    int problem = 0;
    /// Lines of strangers in the second that began at `second`.
    std::uint32_t burst = 0;
    std::int64_t second = 0;
    /// Place in LogFiles's small set of open files.
    std::uint8_t opened = 0xff;
};

/// `nanoseconds` since 1970 as "2026-01-31T23:59:59.000000Z".
FixedString<32> timestamp(std::int64_t nanoseconds);

/// Writes lines into files below one folder, in batches, and rotates. A disk that is full or broken
/// never stops it: lines are counted, and a mark in the file tells how many once it writes again.
class LogFiles {
public:
    static constexpr std::size_t kBatch = kMinLogSize;
    using Memory = std::array<char, kBatch>;

    /// `folder` outlives it; -1: there are no files, lines are dropped without counting.
    LogFiles(int folder, Memory& memory)
        : folder_(folder)
        , batch_(memory) {}

    /// Counts a line that is not to be written, and why (errno); a mark will say so.
    static void drop(LogFile& file, int problem) {
        ++file.dropped;
        file.problem = problem;
    }

    /// Adds a line to the batch; it reaches the file at the latest at `flush`.
    void append(
        LogFile& file, std::int64_t time, LogStream stream, std::string_view text, bool continued);

    /// Writes the batch. Call it after every handful of lines; `append` needs it before another
    /// file's turn and does so itself. False: a file that blocks could not take it, and it stays;
    /// lines for other files are dropped until it does.
    bool flush();

    /// From here on nothing waits: nobody will write any more.
    void hurry() { hurry_ = true; }

    /// Lines that could not be written, and the last reason.
    [[nodiscard]] std::uint64_t lost() const { return lost_; }

    [[nodiscard]] int problem() const { return problem_; }

    /// Whether a file has been put aside since `forget_rotation`.
    [[nodiscard]] bool has_rotated() const { return rotated_; }

    void forget_rotation() { rotated_ = false; }

    /// Forgets an open file that will not be written again.
    void close(LogFile& file);

private:
    static constexpr std::size_t kOpenFiles = 32;
    /// A line's time, stream and newline.
    static constexpr std::size_t kOverhead = 40;

    struct Opened {
        LogFile* file = nullptr;
        sys::UniqueFd fd;
    };

    void add_line(std::int64_t time, LogStream stream, std::string_view text, bool continued);
    bool write_batch(LogFile& file);
    bool ensure_open(LogFile& file);
    bool rotate(LogFile& file);
    bool put_aside(LogFile& file);

    int folder_;
    LogFile* batch_file_ = nullptr;
    std::size_t batch_size_ = 0;
    std::uint64_t batch_lines_ = 0;
    /// The batch begins with a mark for this many lost lines.
    std::uint64_t batch_marks_ = 0;
    std::uint64_t lost_ = 0;
    int problem_ = 0;
    bool rotated_ = false;
    bool hurry_ = false;
    std::size_t next_victim_ = 0;
    std::array<Opened, kOpenFiles> opened_;
    Memory& batch_;
};

} // namespace stead::keep
