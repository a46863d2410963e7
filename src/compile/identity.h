#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compile/compile.h"
#include "compile/report.h"

namespace stead::compile {

/// Who a unit runs as.
struct Identity {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;
    /// For USER, HOME and SHELL; the name is the number where no account has it.
    std::string name;
    std::string home;
    std::string shell;
};

/// Looks up `user`, `group` and `supplementary-groups`. Numbers need no account; an unknown number
/// without a `group` gets the group of the same number.
std::optional<Identity> resolve_identity(const unitfile::UnitSpec& spec,
                                         const UserDatabase& users,
                                         const UnitOptions& options,
                                         Report& report);

} // namespace stead::compile
