#pragma once

#include "init/supervisor.h"

namespace stead::init {

/// After a crash: every record of a child is a living child, an end that is told now, or free.
void reconcile_children(Supervisor& self);
/// Carries the action out that was handed out and may not have been carried out.
void resume_intent(Supervisor& self);

} // namespace stead::init
