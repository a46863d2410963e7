#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stead::learn {

/// A process that a seccomp filter killed, as the kernel's log tells it (audit record 1326, which
/// is there as long as no audit daemon takes such records).
struct FilterKill {
    /// Microseconds since the machine's boot.
    std::int64_t time = 0;
    /// The number of the call.
    int number = -1;
    std::string program;
};

/// One record of /dev/kmsg; nothing for one that tells something else.
std::optional<FilterKill> parse_kill(std::string_view record);

/// The kill nearest to `time` and at most a second away; nothing if there is none, or if several
/// there are of different calls or programs.
std::optional<FilterKill> find_kill(std::int64_t time);

} // namespace stead::learn
