#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace stead::cli {

struct LogWishes {
    /// One unit's lines; empty: all, merged by time.
    std::string unit;
    /// Only the last so many; negative: all.
    std::int64_t lines = -1;
    /// Only lines from this moment on, as log files have it ("2026-..."); empty: all.
    std::string since;
    /// Go on with new lines.
    bool follow = false;
    /// With `follow`: its end (POLLHUP) means that no further line will come. -1: none tells.
    int alive = -1;
    /// Called once `alive` has ended, before the last look: returns when all has been written.
    std::function<void()> settle;
    /// With `follow`: where the lines go, to notice that nobody reads any more. -1: cannot be seen.
    int output = -1;
};

/// Takes one line "TIME UNIT STREAM TEXT" with its newline; false: no more.
using LogSink = std::function<bool(std::string_view)>;

/// Reads the log files below `folder` (a folder per unit, as the keeper writes them) in the order
/// of their times. Files that are rotated away meanwhile are read to their end; when they were
/// removed unread, a "---" line says so. Files are only read.
Result<void> read_logs(int folder, const LogWishes& wishes, const LogSink& sink);

} // namespace stead::cli
