#pragma once

#include <span>
#include <string_view>

#include "init/supervisor.h"

/// The two control listeners. Which of them accepted a client decides what it may do; a client can
/// hold neither PID 1 nor memory: everything is non-blocking, answers are made when there is room
/// for them, and whoever does not read is dropped.
namespace stead::init {

/// Exit codes of the command that an End carries.
inline constexpr int kDone = 0;
inline constexpr int kCouldNot = 1;
inline constexpr int kAskedWrongly = 2;
inline constexpr int kNoSuchUnit = 5;

/// After a crash: watches everybody, and obeys the request that was read but not obeyed.
void resume_clients(Supervisor& self);
void accept_clients(Supervisor& self, bool host);
void serve_client(Supervisor& self, Client& client, std::uint32_t events);
/// After events: answers those whose unit has settled.
void settle_clients(Supervisor& self);
/// Tells those who watch `unit`.
void announce_change(Supervisor& self, UnitId unit);
/// When the next client that does not read is dropped.
Instant client_deadline(const Supervisor& self);
void drop_stalled_clients(Supervisor& self);

// For the files that carry requests out.

/// A message in the scratch memory: one at a time.
wire::Writer begin_message(Supervisor& self, wire::Kind kind);

/// False when the client has no room for it now, or is gone.
bool send_to(Supervisor& self,
             Client& client,
             wire::Writer& message,
             std::span<const int> descriptors = {});
/// The End of a request; the client may ask again. Who has no room for it is dropped.
void answer(Supervisor& self, Client& client, int code, const char* text = "");
/// The same, with what prevented it.
void answer(Supervisor& self, Client& client, const Error& error);
/// The End of what was done, with a descriptor.
void answer_with(Supervisor& self, Client& client, int descriptor);
void drop_client(Supervisor& self, Client& client);
/// Watches for what the client's state can use.
void watch_client(Supervisor& self, Client& client);

} // namespace stead::init
