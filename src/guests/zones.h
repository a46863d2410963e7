#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/calendar.h"

namespace stead::guests {

/// The changes of a time zone from the beginning of this year on, for twenty years: what PID 1,
/// which knows no time zones, goes by. The name is that of a file in /usr/share/zoneinfo; without
/// one it is local time (/etc/localtime; UTC where that is missing). Nothing: there is no such
/// zone.
std::optional<std::vector<ZoneChange>> zone_changes(const std::string& name);

} // namespace stead::guests
