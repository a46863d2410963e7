#pragma once

#include <string>

#include "base/time.h"
#include "cli/verbs.h"
#include "guests/guests.h"
#include "guests/hooks.h"

/// Starting whole guests: in the foreground, where this process becomes the keeper, and in the
/// background.
namespace stead::cli {

struct Launch {
    /// A name or a file.
    std::string word;
    /// In place of the file's name; empty: that.
    std::string name;
    bool detached = false;
    /// We are the main process of a service, which PID 1 is to be.
    bool service = false;
    /// On a systemd host we may become a scope of its own.
    bool scope = false;
    /// It comes back after a reboot, unless it was stopped meanwhile: kDone then.
    bool after_reboot = false;
};

/// Whether its last end was a reboot that nobody has called off by a stop.
bool comes_back(const guests::Paths& paths, const std::string& name);

/// Reads, checks and starts the guest and becomes its keeper; returns only with the exit code of a
/// start that failed, which has been explained.
int launch_guest(Context& context, const guests::Paths& paths, const Launch& launch);

struct StartWishes {
    bool no_wait = false;
    /// By this command itself, also where a service manager would.
    bool direct = false;
    /// Not if somebody has stopped it since its reboot.
    bool after_reboot = false;
    Instant limit;
};

/// `stead start NAME`: starts the guest in the background unless it runs, waits until it is up and
/// runs its post-start hooks. The exit code; everything has been said.
int start_guest(Context& context, const std::string& name, const StartWishes& wishes);

/// The hooks after a start; what fails is said, and in the guest's log.
void run_post_start(Context& context, const guests::Paths& paths, const guests::HookSet& hooks);

} // namespace stead::cli
