#pragma once

#include <cstdint>

namespace stead {

/// A condition of a unit is a string: one of these letters, then '!' where it must not hold, else
/// '=', then its text.
enum class ConditionKind : char {
    /// A path that exists.
    Path = 'p',
    /// "NAME" or "NAME=value" in PID 1's environment.
    Environment = 'e',
    /// The number of a capability that the guest has.
    Capability = 'c',
    /// "guest", "container" or "machine".
    Virtualization = 'v'
};

} // namespace stead
