#pragma once

#include "compile/compile.h"
#include "compile/report.h"

namespace stead::compile {

/// What files.landlock means to the child that becomes the unit: a rule set, and places behind
/// those of `set_files`, which must have been called. Refuses what this kernel's Landlock lacks.
void set_landlock(const unitfile::UnitSpec& spec,
                  const UnitOptions& options,
                  plan::UnitInput& unit,
                  Report& report);

} // namespace stead::compile
