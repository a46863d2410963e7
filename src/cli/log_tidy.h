#pragma once

#include <cstdint>

/// Compresses and bounds the log files that keepers have put aside. Beside a keeper that goes on
/// writing and rotating: a file is replaced or removed only while the folder is locked (flock(2)),
/// and only where it is still the one that was looked at. What ends in the middle leaves every file
/// as it was.
namespace stead::cli {

struct Tidied {
    int compressed = 0;
    int removed = 0;
};

/// Works on the log files below `folder`, one folder per unit. The youngest file that was put aside
/// (current.1) stays as it is, older ones are compressed. Then, while all files together take more
/// than `max` bytes (0: no bound), the oldest of those put aside is removed, at most `most` of
/// them. Files that are being written never are.
Tidied tidy_logs(int folder, std::uint64_t max, int most);

} // namespace stead::cli
