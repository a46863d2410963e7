#pragma once

#include <cstdint>

#include "base/result.h"

/// Capabilities of the calling process (capabilities(7)): bit N of a set is capability N.
namespace stead::sys {

struct CapabilitySets {
    std::uint64_t effective = 0;
    std::uint64_t permitted = 0;
    std::uint64_t inheritable = 0;
};

/// capget(2), capset(2).
Result<CapabilitySets> capabilities();
Result<void> set_capabilities(const CapabilitySets& sets);

/// PR_CAPBSET_READ; EINVAL for a capability this kernel does not know.
Result<bool> in_bounding_set(int capability);
/// PR_CAPBSET_DROP.
Result<void> drop_from_bounding_set(int capability);
/// PR_CAP_AMBIENT_RAISE and PR_CAP_AMBIENT_CLEAR_ALL.
Result<void> raise_ambient(int capability);
Result<void> clear_ambient();

/// prctl(2) with one number; the number it returns.
Result<int> process_control(int option, unsigned long value = 0);

/// seccomp(2) SET_MODE_FILTER of a classic BPF program, 8 bytes an instruction.
Result<void> load_filter(const std::uint64_t* instructions, std::uint16_t count);

} // namespace stead::sys
