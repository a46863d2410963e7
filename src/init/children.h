#pragma once

#include <optional>
#include <string_view>

#include "engine/engine.h"
#include "init/environment.h"
#include "init/supervisor.h"
#include "spawn/spawn.h"

/// Children from their birth to their end: started as the engine wishes, reaped as they end.
namespace stead::init {

/// Runs a command of a unit and tells the engine Spawned or SpawnFailed.
void start_command(Supervisor& self, const engine::Action& action);

/// A place in the child table; null when there is none.
Child* add_child(Supervisor& self);
/// A main process whose place another one has taken does not count.
Child* find_child(Supervisor& self, UnitId unit, CommandRole role);
Child* find_child(Supervisor& self, pid_t pid);

/// Clones `prepared` into `cgroup` (a folder, or -1) and books it in `child`. In the child it does
/// not return.
Result<void> launch(Supervisor& self, Child& child, spawn::Child& prepared, int cgroup);
/// A command's strings, streams and folders; the error is why it cannot even be tried.
Result<void>
prepare_command(Supervisor& self, const engine::Action& action, spawn::Child& prepared);
/// What every child of this PID 1 has in common: filters, limits, terminal manners.
void fill_common(Supervisor& self, spawn::Child& prepared, const ExecView& exec);

/// Its program runs: the engine, or the client of a transient unit, is told.
void tell_executed(Supervisor& self, Child& child);
/// How the last run of `unit` ended, as three variables of these names: the result in a word,
/// "exited" or "killed", and the code or signal.
void add_result(Supervisor& self,
                ChildStrings& strings,
                UnitId unit,
                std::string_view result,
                std::string_view code,
                std::string_view status);

/// Takes what a child has reported on its way to its program.
void read_report(Supervisor& self, Child& child);
/// Understands the report in the child's record, if there is one.
void take_report(Child& child);
/// Tells the engine of the end that is in the child's record, and forgets the child.
void end_child(Supervisor& self, Child& child);
/// Looks whether units that are to become empty are.
void check_watched(Supervisor& self);
/// Books children that have ended, at most kPerTurn of them and for some milliseconds at most.
void reap_children(Supervisor& self);

/// Obeys Signal and KillAll.
/// `and_continue`: CONT follows, so that a stopped process can obey.
void signal_unit(Supervisor& self, const engine::Action& action, bool and_continue = true);
void kill_unit(Supervisor& self, UnitId unit);
/// Tells the engine Emptied if no process of the unit is left, else keeps watching.
void check_empty(Supervisor& self, UnitId unit);
/// Whether a child of `unit`, or a process of its group, lives.
bool has_processes(Supervisor& self, UnitId unit);

/// As somebody's subreaper, where no namespace ends with us: kills what has been left to us.
void kill_leftovers(Supervisor& self);

} // namespace stead::init
