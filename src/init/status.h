#pragma once

#include "init/supervisor.h"

namespace stead::init {

/// One Unit record; false when the client has no room for it, or is gone.
bool send_unit(Supervisor& self, Client& client, UnitId unit);
/// The Guest record of a Status answer.
bool send_guest(Supervisor& self, Client& client);
/// Goes on with a Status answer where the client's socket was full.
void continue_status(Supervisor& self, Client& client);

} // namespace stead::init
