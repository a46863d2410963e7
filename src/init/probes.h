#pragma once

#include "init/supervisor.h"

/// Readiness probes that need no process: can one connect, does a path exist. The engine repeats
/// them; one that has no answer before the next counts as failed.
namespace stead::init {

void start_probe(Supervisor& self, UnitId unit);
/// The connection of a probe has been made or refused.
void finish_probe(Supervisor& self, UnitId unit);

} // namespace stead::init
