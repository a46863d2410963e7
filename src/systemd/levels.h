#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "guests/guests.h"
#include "systemd/bus.h"

/// A guest's levels as properties of its service, so that systemctl show, systemd-cgtop and the
/// protection of memory know them, too. The guest's own cgroup below the service's holds all of
/// them; here are those that systemd has a name for. How many processes there may be is not among
/// them: the service's are the guest's and those that keep and stop it.
namespace stead::systemd {

struct UnitLevel {
    /// On the bus; a number of 64 bits, all ones for no limit.
    const char* property = "";
    std::uint64_t value = 0;
    /// In a unit file: "MemoryMax=536870912".
    std::string setting;
};

/// What `content` of the cgroup file `file` is to systemd; nothing if it knows no such level.
std::optional<UnitLevel> unit_level(std::string_view file, std::string_view content);

/// Makes the service's properties those of the running guest, until it ends; what went wrong, or
/// nothing.
std::string mirror_levels(sd_bus* manager, const guests::Paths& paths, const std::string& name);

/// Takes away what `mirror_levels` has left of a guest that has ended; whether there was something.
bool forget_levels(const std::string& name);

/// Makes a scope (systemd.scope(5)) of this process's parent, whose cgroup is then its own; what
/// went wrong, or nothing.
std::string make_scope(sd_bus* manager, const std::string& name);

} // namespace stead::systemd
