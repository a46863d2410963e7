#pragma once

#include "base/result.h"
#include "init/supervisor.h"
#include "sys/signals.h"

/// PID 1's own mistakes: a fault leads to another execution of the same program on the same state,
/// with all children, timers, requests and descriptors kept. Only the kernel and PID 1 itself can
/// cause that, no signal of anybody else's.
namespace stead::init {

/// Our argv[0] when we are executed again, before the number of the state's memfd.
inline constexpr std::string_view kResumedName = "stead-init:";
/// More crashes than this within kCrashWindow, and the last resort comes.
inline constexpr std::uint32_t kCrashLimit = 10;
inline constexpr Duration kCrashWindow = 1_min;

/// Every signal but those that catch_crashes handles.
sys::SignalSet ordinary_signals();
/// Catches faults, on a stack of their own, and blocks every other signal.
Result<void> catch_crashes(Supervisor& self);
/// Once everything in Roots is as it stays: from here on a fault is survived.
void remember_roots(Supervisor& self);
/// Executes `program` on the state in our place; returns if it cannot be executed.
void execute_again(Supervisor& self, int program);
/// Executes our program on another state; returns if it cannot be executed. One store decides which
/// of the two a fault goes on with.
void execute_on(Supervisor& self, Supervisor& next);

/// Test builds crash themselves: at random instructions of the turns of the loop; or always, while
/// they are on trial (true) or from then on (false).
#ifdef STEAD_CRASH_TEST
void plan_crash(Supervisor& self);
#elif defined(STEAD_CRASH_ON_TRIAL)
inline void plan_crash(Supervisor& self) {
    if (self.crashes.on_trial == STEAD_CRASH_ON_TRIAL) __builtin_trap();
}
#else
inline void plan_crash(Supervisor& /*self*/) {}
#endif

} // namespace stead::init
