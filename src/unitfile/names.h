#pragma once

#include <string>
#include <string_view>

namespace stead::unitfile {

/// Empty for a name that a unit may have; else the rule it breaks, in words that can follow "unit
/// name 'X' ". A unit's name is also a cgroup folder and a log folder.
std::string unit_name_problem(std::string_view name);

/// The same for a guest, whose name is also a host name.
std::string guest_name_problem(std::string_view name);

/// Whether `name` is a unit of the host's service manager ("postgresql.service") and no guest.
bool is_host_unit(std::string_view name);
/// Empty for a name that such a unit may have (systemd.unit(5)); else the rule it breaks.
std::string host_unit_problem(std::string_view name);

/// "1" of "worker@1"; empty without '@' or behind a last one (then it is a template).
std::string_view instance_of(std::string_view unit);
bool is_template(std::string_view unit);

/// A user or group, by name or number; empty if it is one, else the rule it breaks.
std::string user_name_problem(std::string_view name);

/// An absolute path without "..": empty, or the rule it breaks.
std::string path_problem(std::string_view path);

/// A relative path without ".." and empty parts ("app", "app/data").
std::string subpath_problem(std::string_view path);

} // namespace stead::unitfile
