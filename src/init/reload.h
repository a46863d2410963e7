#pragma once

#include "init/supervisor.h"
#include "sys/unix_socket.h"

/// Other units under a running guest. The state that PID 1 is to have then is made beside its own,
/// in a memfd of its own, out of the new plan and everything that is there; when nothing is wrong
/// with it PID 1 executes itself on it, as it does after a crash. So a reload happens whole or not
/// at all, at whatever instruction PID 1 is stopped, and costs no code for going back.
///
/// What runs goes on as it was started, by the older plan, until its next start; a unit that the
/// new plan does not know is a ghost, which goes when it is at rest.
namespace stead::init {

/// Obeys ReloadUnits; returns when nothing has come of it.
void reload_units(Supervisor& self,
                  Client& client,
                  const wire::Reader& message,
                  sys::Record& record);
/// Afterwards, in the new execution: tells the engine.
void end_reload(Supervisor& self);

} // namespace stead::init
