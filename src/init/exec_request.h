#pragma once

#include "init/supervisor.h"
#include "spawn/spawn.h"
#include "sys/unique_fd.h"
#include "sys/unix_socket.h"

namespace stead::init {

/// An Exec request, checked and ready to be started; its strings lie in the scratch memory, its
/// streams in the received record.
struct ExecRequest {
    spawn::Child prepared;
    sys::UniqueFd master;
    sys::UniqueFd terminal;
};

/// Null, or what is wrong with the request.
const char* read_exec_request(Supervisor& self,
                              const wire::Reader& message,
                              sys::Record& record,
                              ExecRequest& request);

} // namespace stead::init
