#pragma once

#include "init/supervisor.h"
#include "sys/unix_socket.h"

/// Another program takes PID 1 over, with everything in the state. It is first tried in a child, on
/// a copy; what fails within its first turn of the loop goes back to the program before it.
namespace stead::init {

/// Of the self-test: the state, and its plans where it has them.
inline constexpr int kTestState = 3;
inline constexpr int kTestLauncherPlan = 4;
inline constexpr int kTestUnitPlan = 5;

/// Obeys the request whose descriptor is in `record`; returns when nothing has come of it.
void start_upgrade(Supervisor& self, Client& client, sys::Record& record);
/// After an execution: answers whoever asked for it.
void end_upgrade(Supervisor& self);

} // namespace stead::init
