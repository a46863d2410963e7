#pragma once

#include "init/supervisor.h"
#include "sys/unix_socket.h"

/// Another program takes PID 1 over, with everything in the state. It is first tried in a child, on
/// a copy. When it fails before its first turn of the loop is over, or later as often as no program
/// may (crash.h), the program before it takes over again.
namespace stead::init {

/// Of the self-test: the state, and its plans where it has them; older ones follow.
inline constexpr int kTestState = 3;
inline constexpr int kTestLauncherPlan = 4;
inline constexpr int kTestUnitPlan = 5;

/// Of the self-test, what it ends with: no other program leaves with the first of them by chance.
enum TestResult : int {
    kTestPassed = 42,
    /// It keeps the state in another form.
    kTestOtherState = 43,
    /// It cannot read our plans, or the engine's memory.
    kTestOtherPlan = 44
};

/// Obeys the request whose descriptor is in `record`; returns when nothing has come of it.
void start_upgrade(Supervisor& self, Client& client, sys::Record& record);
/// After an execution and a turn of the loop: the trial is over, whoever asked for it, or for a
/// reload, is answered.
void end_upgrade(Supervisor& self);

} // namespace stead::init
