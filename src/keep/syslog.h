#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sys/unique_fd.h"
#include "sys/unix_socket.h"

/// What comes to the guest's /dev/log: one datagram a message, as syslog(3) and logger(1) write it
/// ("<30>Jan 31 12:30:00 cron[7]: text", RFC 3164) or as the kernel does ("<6>text"). Whoever
/// sends is a stranger: nothing in a message is believed but its priority, and whose unit it is
/// says the kernel.
namespace stead::keep {

/// A longer datagram is refused whole.
inline constexpr std::size_t kMaxSyslog = std::size_t{8} * 1024;
/// Messages a second into one log; what is more is dropped and counted, so that a flood cannot
/// drive out what was there before it.
inline constexpr std::uint32_t kSyslogRate = 5000;

struct SyslogMessage {
    /// 0 to 7 as syslog(3) counts; its facility says nothing that the unit's name does not.
    int priority = 5;
    /// Without the time, which is ours to say, and without newlines and NULs at its end.
    std::string_view text;
};

/// Never fails: what has no priority is a notice as a whole (RFC 3164, 4.3.3). An empty text is no
/// message.
SyslogMessage parse_syslog(std::string_view datagram);

/// The unit in a path of the guest `guest`, as /proc/PID/cgroup has it or as a folder of a cgroup
/// file system: ".../GUEST/units/UNIT" or below. Empty: none.
std::string_view unit_in_cgroup(std::string_view path, std::string_view guest);

/// In whose cgroup of guest `guest` the sender is, or was: empty if nobody knows. `cgroup` is the
/// guest's folder, `memory` holds the answer.
std::string_view find_sender_unit(const sys::Record& record,
                                  int cgroup,
                                  std::string_view guest,
                                  std::span<char> memory);

} // namespace stead::keep
