#pragma once

#include "base/result.h"
#include "init/supervisor.h"
#include "sys/unique_fd.h"

namespace stead::init {

/// Blocks every signal but those of crashes, which get a handler that says so on the console and
/// ends PID 1; returns the descriptor that the others arrive on.
Result<sys::UniqueFd> open_signals(Supervisor& self);
/// Obeys what has arrived: the table of signals is in the manual, stead-init(8).
void serve_signals(Supervisor& self);

} // namespace stead::init
