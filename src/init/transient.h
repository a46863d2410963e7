#pragma once

#include "base/time.h"
#include "init/supervisor.h"
#include "sys/unix_socket.h"

/// Transient units: commands that a client has started inside the guest, in a cgroup of their own
/// and under the guest's limits, filters and identity. The client's end is theirs.
namespace stead::init {

void start_transient(Supervisor& self,
                     Client& client,
                     const wire::Reader& message,
                     sys::Record& record);
/// A window size or a signal.
void control_transient(Supervisor& self, Client& client, const wire::Reader& message);

/// Processes of connections: there is room for one more; starts one, with the connection as
/// standard input and output; ends those of `unit`.
bool has_room_for_connection(const Supervisor& self);
void start_connection(Supervisor& self, UnitId unit, sys::UniqueFd connection);
void abandon_connections(Supervisor& self, UnitId unit);

/// Its program runs.
void transient_started(Supervisor& self, std::size_t index);
/// Its main process ended, or could not become the program.
void transient_ended(Supervisor& self, const Child& was, ExitStatus status);
/// Its client has gone.
void transient_abandoned(Supervisor& self, std::size_t index);

/// After a crash: forgets those that have no process.
void resume_transients(Supervisor& self);

Instant transient_deadline(const Supervisor& self);
void end_overdue_transients(Supervisor& self);

} // namespace stead::init
