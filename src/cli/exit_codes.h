#pragma once

namespace stead::cli {

/// What `stead` itself leaves with. `run`, `jail` and `exec` return the program's own code (128 + n
/// for signal n) beside these.
enum ExitCode : int {
    kDone = 0,
    kCouldNot = 1,
    /// A mistake on the command line or in a file; nothing has changed.
    kAskedWrongly = 2,
    /// `status`: it is not running (`--ready`: not ready).
    kNotRunning = 3,
    kNoSuch = 5,
    kTimedOut = 124,
    /// `run`, `jail`, `exec`: Stead itself failed.
    kSteadFailed = 125,
    kNotExecutable = 126,
    kNotFound = 127
};

} // namespace stead::cli
