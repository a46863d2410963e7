#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/verbs.h"
#include "guests/guests.h"
#include "unitfile/specs.h"

/// Guests of a host that runs systemd: they are started and stopped as services by stead-systemd,
/// the only program of ours that speaks with its buses.
namespace stead::cli {

/// stead-systemd where it is installed: beside this program, or in ../libexec/stead; else empty.
std::string find_systemd_helper();

/// Whether root's guests are services here: systemd runs the host, stead-systemd is installed, and
/// so is the template stead@.service.
bool guests_are_services(const guests::Paths& paths);

/// Whether this guest, running or left over, is one.
bool is_service(const guests::Paths& paths, std::string_view name);

struct ServiceWishes {
    bool no_wait = false;
    bool force = false;
    Instant limit;
};

/// Runs `stead-systemd VERB NAME`, which says what went wrong; its exit code.
int run_systemd_helper(Context& context,
                       const std::string& verb,
                       const std::string& name,
                       const ServiceWishes& wishes);

/// Has the service manager read which guests start with the host, where there is one.
void tell_of_enabled(Context& context, const guests::Paths& paths);

/// Whether a guest that no service manager starts has what it requires of the host; an error has
/// been printed then.
bool needs_no_service_manager(Context& context, const unitfile::GuestSpec& guest);

} // namespace stead::cli
