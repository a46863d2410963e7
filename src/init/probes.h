#pragma once

#include "init/supervisor.h"

/// Probes of readiness and health that need no process: can one connect, does a path exist. The
/// engine repeats them; one that has no answer before the next counts as failed.
namespace stead::init {

void start_probe(Supervisor& self, UnitId unit, CommandRole role);
/// The connection of a probe has been made or refused.
void finish_probe(Supervisor& self, UnitId unit);

} // namespace stead::init
