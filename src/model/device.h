#pragma once

#include <cstdint>
#include <optional>

namespace stead {

/// A device as the kernel numbers it, and what may be done with it (never made: mknod(2) has no
/// place here).
struct DeviceRule {
    /// Block or character device.
    bool block = false;
    std::uint32_t major = 0;
    /// Nothing: every one of `major`.
    std::optional<std::uint32_t> minor;
    bool read = true;
    bool write = true;

    friend constexpr bool operator==(const DeviceRule&, const DeviceRule&) = default;
};

} // namespace stead
