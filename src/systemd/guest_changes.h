#pragma once

#include <string>

#include "base/time.h"
#include "guests/guests.h"
#include "systemd/bus.h"
#include "systemd/service_manager.h"

/// What `stead` and the units of stead@.service call for one guest. Each prints what went wrong to
/// standard error and returns the exit code.
namespace stead::systemd {

struct ChangeWishes {
    bool no_wait = false;
    /// Kill what has not ended within the limit.
    bool force = false;
    Duration limit = Duration::infinity();
};

/// Starts or stops the guest's service and waits for the job.
int change_guest(sd_bus* manager, Change what, const std::string& name, const ChangeWishes& wishes);

/// After the start: the guest is a machine, and whoever listens on the bus is told.
int announce_start(sd_bus* bus, const guests::Paths& paths, const std::string& name);
int announce_end(sd_bus* bus, const std::string& name);
/// A unit of it has failed.
int announce_failure(sd_bus* bus, const std::string& name, const std::string& unit);

} // namespace stead::systemd
