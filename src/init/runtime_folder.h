#pragma once

#include "init/supervisor.h"

namespace stead::init {

/// In somebody else's container: opens the control socket, and the notify socket beside it, in the
/// first of $STEAD_RUNTIME_DIR or /run/stead, $XDG_RUNTIME_DIR/stead and /dev/shm/stead that can
/// be written; notes it when there is none.
void open_runtime_folder(Supervisor& self);

} // namespace stead::init
