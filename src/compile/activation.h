#pragma once

#include "compile/compile.h"
#include "compile/report.h"

namespace stead::compile {

/// What [socket.NAME], [timer] and file-descriptor-store-max mean to PID 1.
void set_activation(const unitfile::UnitSpec& spec,
                    const UserDatabase& users,
                    const UnitOptions& options,
                    plan::UnitInput& unit,
                    Report& report);

} // namespace stead::compile
