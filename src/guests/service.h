#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "guests/guests.h"

/// Guests as services of systemd: each is an instance of the template stead@.service, in whose
/// delegated cgroup it lives and whose main process its PID 1 is.
namespace stead::guests {

/// "stead@web.service". Every guest's name can stand there as it is (systemd.unit(5)).
std::string service_unit(std::string_view guest);

/// The service that this process is the main process of, by what its manager has put into the
/// environment (systemd.exec(5)); nothing if no manager waits for word from us.
std::optional<Service> service_from_environment();

/// One message of sd_notify(3) to the service manager.
Result<void> tell_service_manager(const Service& service, std::string_view text);

/// Whether systemd has booted this machine (sd_booted(3)).
bool booted_by_systemd();

/// Whether this process lives in a scope of systemd's, as what a person has started does, and not
/// in somebody's service, whose processes must stay there.
bool in_scope();

/// A record of the guest in the journal as its keeper wants it (keep/keep.h): bytes below 3 stand
/// for what is different in each.
std::string journal_record(std::string_view guest, const Service& service);
/// A datagram socket that the journal reads (systemd's JOURNAL_NATIVE_PROTOCOL). Who writes waits a
/// while for a journal that is being started again, as a service writing to its standard output
/// does.
Result<sys::UniqueFd> connect_journal();

} // namespace stead::guests
