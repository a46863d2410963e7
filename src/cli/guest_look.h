#pragma once

#include <optional>
#include <vector>

#include "base/time.h"
#include "cli/place.h"
#include "cli/records.h"

namespace stead::cli {

/// What one guest says of itself and its units; without `guest`, it did not answer in time.
struct GuestLook {
    /// Somebody listens on its control socket.
    bool reached = false;
    std::optional<GuestRecord> guest;
    std::vector<UnitRecord> units;
};

/// Asks quietly: for verbs that look at many guests, of which one may hang.
GuestLook look_at(const Place& place, const Target& target, Duration limit);

} // namespace stead::cli
