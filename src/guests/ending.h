#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guests.h"

/// How a guest ended last, in /var/lib/stead/guests/NAME/last-end.json: what its keeper wrote, for
/// people and for whoever waits for it.
namespace stead::guests {

struct Ending {
    int code = 0;
    bool reboot = false;
    /// Seconds since 1970.
    std::int64_t started = 0;
    std::int64_t ended = 0;
};

/// Replaces the one before.
Result<void> write_ending(const Paths& paths, std::string_view name, const Ending& ending);
/// Nothing if there is none, or none that can be understood.
std::optional<Ending> read_ending(const Paths& paths, std::string_view name);
/// Forgets it.
void remove_ending(const Paths& paths, std::string_view name);

/// What `stead ended` does with the guest's lock, which it has from the keeper: clears away what
/// the guest left, notes its end, runs the host's post-stop hooks.
struct Conclusion {
    Record record;
    /// What went wrong beside, one sentence each; it stands in the guest's log already.
    std::vector<std::string> failures;
};

/// ENOENT: there is nothing of it any more; EBUSY: somebody else has it, or it runs.
Result<Conclusion> conclude(const Paths& paths, std::string_view name, int code, bool reboot);

/// Adds a line to the guest's own log, as its keeper would; for when there is none any more. A log
/// that takes nothing is passed over.
void append_to_log(const Paths& paths, std::string_view name, std::string_view text);

} // namespace stead::guests
