#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/device.h"
#include "sys/bpf.h"

/// Which devices the processes of a cgroup may open: a program of type BPF_PROG_TYPE_CGROUP_DEVICE,
/// which refuses with EPERM what no rule names, and every mknod(2) of a device whatever the rules.
/// (overlayfs' marks of removed names are no devices to the kernel.) What is open already stays so.
/// Programs of others on the same cgroup, above and below are asked as well: all have to allow it.
namespace stead::sys {

/// The program, ready to load.
std::vector<BpfInstruction> device_program(std::span<const DeviceRule> rules);

/// The rules of a program that device_program made, as the kernel gives it back; nothing: it is
/// somebody else's.
std::optional<std::vector<DeviceRule>> device_rules(std::span<const BpfInstruction> program);

/// Puts the rules on the folder `cgroup` in the place of those that were there, in one step. Needs
/// CAP_SYS_ADMIN and CONFIG_CGROUP_BPF.
Result<void> limit_devices(int cgroup, std::span<const DeviceRule> rules);

/// The rules that limit_devices put there; nothing: none.
Result<std::optional<std::vector<DeviceRule>>> read_devices(int cgroup);

} // namespace stead::sys
