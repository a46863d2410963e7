#pragma once

#include <cstdint>
#include <string_view>

#include "model/exec.h"

namespace stead {

/// What the launcher decided about the context. Only a launcher's plan carries it; a plan made
/// inside the guest with such a record is refused, and every unit of it is cut down to these
/// values.
struct GuestView {
    std::string_view name;
    /// The allow-list: no process of the guest holds a capability outside it.
    std::uint64_t capabilities = 0;
    /// The guest's default filter. With `private_users` or `no_new_privileges` (a jail) PID 1 runs
    /// under a wider one and spawn loads this as its last step; else the launcher has installed it
    /// on PID 1 and children inherit it.
    FilterView filter;
    bool private_users = false;
    bool no_new_privileges = false;
    bool no_root = false;
    /// Units come in this plan (a jail): no loader is run.
    bool has_units = false;
    /// PID 1 has been given its descriptors by a launcher (else: somebody else's container).
    bool launched = false;
    /// `stop-exit = "propagate"`.
    bool propagate_stop_exit = false;
    std::uint32_t stop_timeout_ms = 90'000;
    /// How many units a loader's plan may bring; 0: kMaxUnits.
    std::uint32_t max_units = 0;
    /// The target that is started at boot; empty: every enabled unit.
    std::string_view target;
};

} // namespace stead
