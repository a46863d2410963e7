#pragma once

#include <string_view>

#include "init/supervisor.h"
#include "sys/unix_socket.h"

/// The sd_notify socket: bounded messages, whose sender the kernel names.
namespace stead::init {

/// Binds the socket at `path`, or takes one that the launcher has bound.
void open_notify(Supervisor& self, std::string_view path, sys::UniqueFd bound);
/// Takes messages in, at most kPerTurn of them.
void read_notify(Supervisor& self);
/// Obeys the received message, whose text lies in the scratch memory.
void obey_message(Supervisor& self, sys::Record& record);

} // namespace stead::init
