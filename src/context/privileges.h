#pragma once

#include <cstdint>

#include "base/result.h"
#include "context/job.h"

namespace stead::context {

/// What PID 1 ends with (DESIGN: who holds what).
struct Sets {
    std::uint64_t bounding = 0;
    std::uint64_t inheritable = 0;
};

/// The capability that only PID 1 holds, so that nobody inside may trace it: harmless, and outside
/// every guest's bounding set.
inline constexpr int kMarker = 35; // CAP_WAKE_ALARM

/// Cuts the bounding set to the recipe's allow-list, makes `inheritable` PID 1's own capabilities
/// and its marker, and empties the ambient set. The marker is left out, and the report says so,
/// where this process does not hold it.
Result<Sets> cut_bounding_set(const recipe::Context& recipe, Report& report);

/// Loads PID 1's filter and gives up every capability that it will not have after the execution.
Result<void> drop_privileges(const recipe::Context& recipe, const Sets& sets);

} // namespace stead::context
