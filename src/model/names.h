#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

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

namespace detail {

constexpr bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

constexpr bool is_name(std::string_view name, std::size_t longest, std::string_view others) {
    if (name.empty() || name.size() > longest) return false;
    // A leading dot, dash or at sign would be a hidden file, an option or a template.
    if (!is_alphanumeric(name.front()) && name.front() != '_') return false;
    for (const char c : name) {
        if (!is_alphanumeric(c) && others.find(c) == std::string_view::npos) return false;
    }
    return true;
}

} // namespace detail

/// Letters, digits and "_.-@:+", not beginning with one of the marks but '_': as a file name, a
/// cgroup directory and a word on a terminal it is harmless. "cgroup." is the kernel's
/// (cgroup.procs).
constexpr bool is_unit_name(std::string_view name) {
    return detail::is_name(name, kMaxUnitName, "_.-@:+") && !name.starts_with("cgroup.");
}

/// Letters, digits and "_.-".
constexpr bool is_guest_name(std::string_view name) {
    return detail::is_name(name, kMaxGuestName, "_.-") && !name.starts_with("cgroup.");
}

} // namespace stead
