#pragma once

#include "engine/engine.h"
#include "init/supervisor.h"

/// When the engine's state is lost: services are taken back as they are found.
namespace stead::init {

/// Makes a new engine for the units there are, which starts what runs and what is started at boot.
/// Until it has settled, `adopt` stands in for starting what runs already.
Result<void> adopt_services(Supervisor& self);
/// Answers the Spawn `action` with a process that is there: the main process in the child table,
/// else the eldest one in the unit's cgroup. A hook of such a unit counts as having run. False if
/// nothing of the unit is there.
bool adopt(Supervisor& self, const engine::Action& action);

} // namespace stead::init
