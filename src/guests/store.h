#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guests.h"

/// The store of guests: /etc/stead/guests/NAME.toml with drop-ins in NAME.toml.d. Every change is
/// made beside the file and moved into its place, so that a reader sees the old or the new one.
namespace stead::guests {

/// Guests that have a file, by name.
std::vector<std::string> configured(const Paths& paths);
bool is_configured(const Paths& paths, std::string_view name);

/// Writes the guest's file. With `must_be_new` a file that is there already is EEXIST.
Result<void> write_guest_file(const Paths& paths,
                              std::string_view name,
                              std::string_view text,
                              bool must_be_new);

/// Writes a unit that the host keeps for the guest: GUEST.toml.d/units/UNIT.toml.
Result<void> write_host_unit(const Paths& paths,
                             std::string_view name,
                             const std::string& unit,
                             std::string_view text);

/// The drop-in by which `enable` and `disable` change what the files say; a person may edit it.
std::string enabled_drop_in(const Paths& paths, std::string_view name);
/// Writes that drop-in, or removes it (nothing).
Result<void>
set_enabled_drop_in(const Paths& paths, std::string_view name, std::optional<bool> enabled);

/// Gives the files, the state and the logs of a guest that does not run another name: EEXIST if a
/// guest of that name has a file, EBUSY if one of the two runs. Killed in between it leaves the
/// guest under either name, and may be called again.
Result<void> rename_guest(const Paths& paths, std::string_view from, std::string_view to);

/// Removes the files, the state, the ids and the logs of a guest that does not run (EBUSY); never
/// its root. Killed in between it may be called again.
Result<void> delete_guest(const Paths& paths, std::string_view name);

} // namespace stead::guests
