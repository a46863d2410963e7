#pragma once

#include "init/environment.h"
#include "init/supervisor.h"

/// What has to hold when a unit starts, and what it is told and given then.
namespace stead::init {

/// Whether every condition of the unit holds now.
bool conditions_hold(const Supervisor& self, const ExecView& exec);

/// CREDENTIALS_DIRECTORY, and the folder that the child is to fill.
void add_credentials(const Supervisor& self,
                     ChildStrings& strings,
                     UnitId unit,
                     spawn::Child& prepared);
/// Removes that folder and what is in it.
void remove_credentials(const Supervisor& self, UnitId unit);

/// Of the unit whose outcome started this one: MONITOR_UNIT and how it ended.
void add_trigger(Supervisor& self, ChildStrings& strings, UnitId unit);

} // namespace stead::init
