#pragma once

#include <sys/types.h>

#include <string>

#include "systemd/bus.h"

/// machined (org.freedesktop.machine1): guests as machines, so that machinectl(1) sees them and
/// their names resolve (nss-mymachines(8)).
namespace stead::systemd {

struct Machine {
    std::string name;
    pid_t leader = 0;
};

/// The machine belongs to the service that its leader lives in, and goes with that. machined asks
/// the bus who wants it: whoever did not wait while it was started would be nobody by then.
Answer register_machine(sd_bus* bus, const Machine& machine);
/// A machine that machined does not know is unregistered.
Answer unregister_machine(sd_bus* bus, const std::string& name);

} // namespace stead::systemd
