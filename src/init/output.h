#pragma once

#include "base/result.h"
#include "init/supervisor.h"
#include "spawn/spawn.h"

/// The units' output: one pipe per unit and stream, whose read end goes to the keeper while PID 1
/// keeps a duplicate. While no keeper is connected PID 1 reads them itself. In somebody else's
/// container it passes on what it reads, never waiting for whoever collects it.
namespace stead::init {

/// Standard input, output, error and the readiness descriptor of a command.
Result<void> fill_streams(
    Supervisor& self, UnitId unit, CommandRole role, const ExecView& exec, spawn::Child& prepared);
/// After the clone: the child's end of the readiness pipe is not ours.
void close_ready_write(spawn::Child& prepared);

/// Lines have arrived on the unit's pipe while no keeper is connected.
void read_output(Supervisor& self, UnitId unit, bool error_stream);
/// The guest's /dev/log is the keeper's to read. Without a keeper senders must not wait either.
void take_syslog(Supervisor& self, sys::UniqueFd bound);
void read_syslog(Supervisor& self);
/// Whether readers are needed: starts or stops PID 1's own reading of every pipe.
void watch_outputs(Supervisor& self, bool on);
/// In somebody else's container: the console that took nothing has room again.
void resume_console(Supervisor& self, int console);
/// There, too: passes on all that the unit has written, waiting `patience` milliseconds for a
/// console that takes nothing, once.
void drain_output(Supervisor& self, UnitId unit, int patience);
/// The unit rests: its pipes go.
void close_output(Supervisor& self, UnitId unit);

/// Something arrived on the readiness descriptor: a newline is Ready, the end closes it.
void read_ready(Supervisor& self, UnitId unit);
/// The same for what is in the mailbox already.
void obey_ready(Supervisor& self, UnitId unit);

} // namespace stead::init
