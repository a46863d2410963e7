#pragma once

#include <optional>

#include "init/supervisor.h"

/// Main processes that PID 1 did not start itself: a daemon that a forking unit left behind, or
/// whichever a unit names by MAINPID. Nothing a unit says about a process is believed before the
/// kernel has said that the process is the unit's.
namespace stead::init {

/// Makes `pid` the main process of `unit`; false if it is not a process of that unit (its cgroup
/// tells; without one only an orphan that has been left to us will do).
bool take_main(Supervisor& self, UnitId unit, std::int64_t pid);

/// Watches for the end of one that is known (anew, after PID 1 has executed itself).
void watch_taken_main(Supervisor& self, const Child& child);

/// Looks into the unit's pid file: bounded digits and nothing else. Ready is told once it names a
/// process of the unit and the first process has ended.
void look_into_pid_file(Supervisor& self, UnitId unit);

/// A main process that we did not start has ended. One that is no child of ours is reaped by its
/// own parent, so nobody will ever tell us its status.
void end_taken_main(Supervisor& self, std::size_t index);

/// The unit whose cgroup has this number.
std::optional<UnitId> find_unit(Supervisor& self, std::uint64_t cgroup);

} // namespace stead::init
