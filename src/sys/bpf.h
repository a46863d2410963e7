#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "sys/unique_fd.h"

/// bpf(2), as far as programs of a cgroup need it.
namespace stead::sys {

/// One instruction, 8 bytes, as the kernel reads them.
using BpfInstruction = std::uint64_t;

/// BPF_PROG_LOAD of a program without maps or helpers. `type` and `attach_type` are the kernel's
/// BPF_PROG_TYPE_ and BPF_CGROUP_ numbers.
Result<UniqueFd>
load_bpf(unsigned type, unsigned attach_type, std::span<const BpfInstruction> instructions);

/// BPF_PROG_ATTACH with BPF_F_ALLOW_MULTI: beside what hangs there already, for the folder and
/// everything below. The program lives as long as the cgroup.
Result<void> attach_bpf(int cgroup, int program, unsigned attach_type);

} // namespace stead::sys
