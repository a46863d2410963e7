#pragma once

#include "init/supervisor.h"
#include "sys/unix_socket.h"

namespace stead::init {

/// Carries a client's request out, or begins to. `record` holds the descriptors that came along.
void obey_request(Supervisor& self,
                  Client& client,
                  const wire::Reader& message,
                  sys::Record& record);
/// The unit that the client waits for has settled.
void finish_request(Supervisor& self, Client& client);

} // namespace stead::init
