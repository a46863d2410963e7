#pragma once

#include <optional>

#include "compile/compile.h"
#include "compile/report.h"

namespace stead::compile {

/// Where [directories] of a kind live: "/var/lib".
const char* directory_base(DirectoryKind kind);

/// One unit without its dependencies; nothing if it has a mistake (then `report` has failed).
std::optional<plan::UnitInput> compile_unit(const unitfile::UnitSpec& spec,
                                            const UserDatabase& users,
                                            const UnitOptions& options,
                                            Report& report);

} // namespace stead::compile
