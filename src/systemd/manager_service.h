#pragma once

#include <string>

#include "base/time.h"
#include "guests/guests.h"
#include "systemd/bus.h"

/// The bus service org.stead.Manager1, whose interface org.freedesktop.DBus.Introspectable tells:
/// guests seen and changed by programs and by users whom polkit(8) allows it. It is started by the
/// first call and ends when nobody has asked for a while; it holds no state.
namespace stead::systemd {

inline constexpr const char* kManagerName = "org.stead.Manager1";
inline constexpr const char* kManagerPath = "/org/stead/Manager1";
inline constexpr const char* kManagerInterface = "org.stead.Manager1";
/// The only action of polkit's; see contrib/systemd/org.stead.policy.
inline constexpr const char* kManageAction = "org.stead.manage-guests";

struct ManagerOptions {
    guests::Paths paths;
    /// `stead`, which is executed for Set.
    std::string stead;
    /// Ends after so long without a call.
    Duration idle = Duration{10'000'000'000};
    /// A connection of two, without a bus: nobody's name is taken, and every caller is root.
    bool peer = false;
};

/// Serves until it has been idle; the exit code. `manager` reaches the service manager and may be
/// `bus` itself.
int serve_manager(sd_bus* bus, const ManagerOptions& options);

/// Has the service emit GuestStarted or GuestStopped, soon; for the units of guests.
Result<void> announce(sd_bus* bus, const std::string& name, bool started);

/// Has it emit UnitFailed.
Answer announce_failed_unit(sd_bus* bus, const std::string& name, const std::string& unit);

} // namespace stead::systemd
