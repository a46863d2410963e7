#pragma once

#include "compile/compile.h"
#include "compile/report.h"

namespace stead::compile {

/// What [files] means to the child that becomes the unit: places, outer ones first. To be called
/// when the unit's directories are known, which stay writable.
void set_files(const unitfile::UnitSpec& spec,
               const UnitOptions& options,
               plan::UnitInput& unit,
               Report& report);

/// `namespaces`: which the unit has for itself.
void set_namespaces(const unitfile::UnitSpec& spec,
                    const UnitOptions& options,
                    plan::UnitInput& unit,
                    Report& report);

} // namespace stead::compile
