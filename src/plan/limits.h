#pragma once

#include <cstddef>
#include <cstdint>

/// How much a plan may hold. `write` refuses what is larger, `Plan::open` refuses an image that
/// claims more, so PID 1 can size its tables once and never meet a longer list.
namespace stead::plan {

/// No plan is larger: 4096 units with long commands need less.
inline constexpr std::size_t kMaxImage = 16U << 20U;
/// A string, without its NUL: the kernel takes no longer argument (MAX_ARG_STRLEN of execve(2)).
inline constexpr std::size_t kMaxString = (128U << 10U) - 1;
/// A path, without its NUL (PATH_MAX).
inline constexpr std::size_t kMaxPath = 4095;
/// Strings of one argv, and of one unit's environment.
inline constexpr std::size_t kMaxArguments = 4096;
inline constexpr std::size_t kMaxEnvironment = 1024;
/// Commands of one role of a unit.
inline constexpr std::size_t kMaxCommands = 32;
/// Supplementary groups, directories, cgroup settings and resource limits of one unit.
inline constexpr std::size_t kMaxGroups = 256;
inline constexpr std::size_t kMaxDirectories = 16;
inline constexpr std::size_t kMaxCgroupSettings = 32;
inline constexpr std::size_t kMaxResourceLimits = 16;
/// Conditions and credentials of one unit, bytes of one credential's name.
inline constexpr std::size_t kMaxConditions = 64;
inline constexpr std::size_t kMaxCredentials = 32;
inline constexpr std::size_t kMaxCredentialName = 64;
/// Places that one unit sees otherwise than its guest.
inline constexpr std::size_t kMaxView = 128;
/// Numbers of ExecView::landlock in front of its ports, and all of them.
inline constexpr std::size_t kLandlockHead = 6;
inline constexpr std::size_t kMaxLandlock = kLandlockHead + std::size_t{2} * 128;
/// CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET: those that a process can
/// leave its old one for.
inline constexpr std::uint32_t kUnitNamespaces = 0x4e020000;
/// Sockets of one unit, descriptors that are kept for it; timers of a plan, changes of one zone.
inline constexpr std::size_t kMaxSockets = 32;
inline constexpr std::size_t kMaxStored = 64;
inline constexpr std::size_t kMaxTimers = 128;
inline constexpr std::size_t kMaxZoneChanges = 128;
/// Edges of the unit graph.
inline constexpr std::size_t kMaxDependencies = 65536;
/// Instructions of one filter (BPF_MAXINSNS).
inline constexpr std::size_t kMaxFilter = 4096;
/// A socket address (sizeof(sockaddr_storage)).
inline constexpr std::size_t kMaxAddress = 128;
/// Notices of a plan; rejected units are bounded by twice the number of units.
inline constexpr std::size_t kMaxNotices = 1024;
inline constexpr std::size_t kMaxRejected = 8192;

} // namespace stead::plan
