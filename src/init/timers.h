#pragma once

#include "init/supervisor.h"

/// Units that start by the clock. Times of `every` and on-boot are those of CLOCK_MONOTONIC; those
/// of a calendar follow CLOCK_REALTIME through every jump, by a timer that the kernel breaks off
/// when the clock is set.
namespace stead::init {

/// After the boot: the timers of the units that are enabled begin, lazy sockets open.
void arm_activation(Supervisor& self);
/// Looks at the clock on the wall anew, after it has been set or PID 1 has executed itself.
void watch_wall_clock(Supervisor& self);
void serve_wall_clock(Supervisor& self);
/// Starts what is due by now.
void fire_timers(Supervisor& self);
Instant timer_deadline(const Supervisor& self);
/// When a timer starts `unit` next, on the monotonic clock; never: none does.
Instant next_start(const Supervisor& self, UnitId unit);
/// After a pause, in which a program that ends at once cannot wear out the machine, `unit` listens
/// again.
void listen_later(Supervisor& self, UnitId unit);

} // namespace stead::init
