#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/place.h"
#include "cli/records.h"

namespace stead::cli {

/// What a unit uses at this moment; nothing where this machine cannot tell.
struct Usage {
    std::optional<std::int64_t> cpu_microseconds;
    /// Bytes: what its cgroup is charged, else the resident memory of its processes.
    std::optional<std::int64_t> memory;
    std::optional<std::int64_t> tasks;
};

/// Reads the use of one guest's units: from their cgroups on the host, without controllers and
/// inside a guest from /proc. Only reads.
class UsageReader {
public:
    /// Finds the guest's cgroup; `target.own()`: our own guest.
    UsageReader(const Place& place, const Target& target);

    [[nodiscard]] Usage read(const UnitRecord& unit) const;

private:
    bool own_;
    /// Folder of the units' cgroups; empty: there is none to be seen.
    std::string units_;
};

/// The same of a whole running guest, by its cgroup alone: nothing where no controller counts.
Usage usage_of_guest(const Place& place, const std::string& name);

/// The number in `text` after `key` and a blank at the start of a line (cgroup files); with an
/// empty key the whole text is the number.
std::optional<std::int64_t> number_after(std::string_view text, std::string_view key);

} // namespace stead::cli
