#pragma once

#include <string>

#include "base/time.h"
#include "cli/verbs.h"

namespace stead::cli {

struct StopWishes {
    bool no_wait = false;
    /// Kills what has not ended within the limit.
    bool force = false;
    /// By this command itself, also one of a service.
    bool direct = false;
    Instant limit;
};

/// `stead stop NAME`: pre-stop hooks, an orderly stop, and the wait until nothing of it is left. A
/// guest that does not run is stopped.
int stop_guest(Context& context, const std::string& name, const StopWishes& wishes);

} // namespace stead::cli
