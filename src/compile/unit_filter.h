#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compile/compile.h"
#include "compile/report.h"

namespace stead::compile {

/// The unit's own filter, where it has one: what `system-calls`, `system-call-error`,
/// `address-families` and `write-execute` say, in one program. To be called when it is known
/// whether the unit runs without new privileges.
void set_filter(const unitfile::UnitSpec& spec,
                const UnitOptions& options,
                plan::UnitInput& unit,
                Report& report);

/// The number of a socket family: "inet", as well as "AF_INET".
std::optional<unsigned> find_family(std::string_view name);
/// "unix, inet", or "none".
std::string family_names(std::uint64_t families);

} // namespace stead::compile
