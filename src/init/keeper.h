#pragma once

#include <span>
#include <string_view>

#include "init/say.h"
#include "init/supervisor.h"
#include "sys/unique_fd.h"

/// PID 1's side of the channel to its keeper: pipes, lines and readiness out; stop requests in.
namespace stead::init {

/// Makes `channel` the keeper's: every pipe and what the ring holds is handed over.
void attach_keeper(Supervisor& self, sys::UniqueFd channel);
/// After a crash: watches the channel, or reads the pipes that nobody else does.
void resume_keeper(Supervisor& self);
/// The channel became readable, writable or dead.
/// Obeys the received message.
void obey_keeper_message(Supervisor& self, std::size_t size);
void serve_keeper(Supervisor& self, std::uint32_t events);

/// Hands the read end of a unit's pipe over, now or as soon as the channel has room.
void hand_pipe(Supervisor& self, UnitId unit, bool error_stream);
/// The same for the guest's /dev/log.
void hand_syslog(Supervisor& self);
/// A logger that has ended for good: what it has not read goes to its own log.
void hand_input(Supervisor& self, UnitId unit);
void tell_keeper(Supervisor& self, Priority priority, std::string_view text);
/// Readiness of the guest in sd_notify words; without a launcher to whoever NOTIFY_SOCKET names.
void tell_readiness(Supervisor& self, std::string_view words);
/// A unit has failed: on a systemd host the bus is told.
void tell_failed(Supervisor& self, UnitId unit);
/// The last message: how the guest ends.
void tell_end(Supervisor& self);
/// Passes a Logs request on, with the write end of the client's pipe.
bool pass_log_query(Supervisor& self, std::span<const std::byte> query, int write_end);

} // namespace stead::init
