#pragma once

#include "base/result.h"
#include "init/supervisor.h"
#include "sys/unique_fd.h"

namespace stead::init {

/// The descriptor that every signal but those of crashes arrives on.
Result<sys::UniqueFd> open_signals();
/// Obeys what has arrived: the table of signals is in the manual, stead-init(8).
void serve_signals(Supervisor& self);
void obey_signal(Supervisor& self, int signal);
/// The signal in the mailbox; 0: none was read.
int mailed_signal(const Supervisor& self);

} // namespace stead::init
