#pragma once

#include <string_view>

#include "base/result.h"
#include "guests/guests.h"
#include "guests/state.h"
#include "sys/process.h"

/// Taking away what a guest leaves. For this folder's own use.
namespace stead::guests {

/// Whether the guest of a folder whose lock we hold runs without its keeper.
bool is_alive(const Paths& paths, std::string_view name, const Claim& claim);

/// Clears what every guest left that has ended without its keeper; whether there was no folder of
/// any guest.
bool clear_ended_guests(const Paths& paths);

/// Kills a child of ours and reaps it.
void end_process(const sys::Process& child);

/// Removes what an ended guest left, but its folder and lock: processes, cgroups, claimed ids,
/// sockets and records.
Result<void> clear_remains(const Paths& paths, std::string_view name, const Claim& claim);
/// The folder as well.
Result<void> clear(const Paths& paths, std::string_view name, const Claim& claim);

} // namespace stead::guests
