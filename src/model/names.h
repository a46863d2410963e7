#pragma once

#include <cstddef>
#include <cstdint>

/// Values that both sides of a plan know: `stead`, which writes plans, and PID 1, which obeys them.
/// Everything in this folder is trivially copyable or a view; nothing here owns memory, parses or
/// decides.
namespace stead {

/// Index of a unit in its plan.
using UnitId = std::uint16_t;
inline constexpr UnitId kNoUnit = 0xffff;

inline constexpr std::size_t kMaxUnits = 4096;
/// The longest name of a unit, instance suffix included; also a safe cgroup directory name.
inline constexpr std::size_t kMaxUnitName = 120;
/// The longest name of a guest: it is a file name, a host name and a cgroup directory.
inline constexpr std::size_t kMaxGuestName = 63;

} // namespace stead
