#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compile/host_facts.h"
#include "recipe/recipe.h"
#include "unitfile/specs.h"

/// The mount lists of the two profiles, as SECURITY rules them: /dev, /run, /tmp and /dev/shm are
/// always file systems of ours, /proc and /sys are masked, what is the host's is read-only.
namespace stead::compile {

inline constexpr std::uint64_t kReadOnly = 0x1; // MOUNT_ATTR_RDONLY
inline constexpr std::uint64_t kNoSuid = 0x2;   // MOUNT_ATTR_NOSUID
inline constexpr std::uint64_t kNoDevice = 0x4; // MOUNT_ATTR_NODEV
inline constexpr std::uint64_t kNoExec = 0x8;   // MOUNT_ATTR_NOEXEC

struct MountOptions {
    recipe::NetworkMode network = recipe::NetworkMode::Own;
    bool hide_processes = false;
    /// The root is the host's own tree or made of it: its secrets are masked.
    bool host_root = false;
    bool cgroup2 = true;
    /// An init of the guest's own masks its /proc and reads its /dev/log itself.
    bool own_init = false;
    /// A jail has a place for terminals; a system always has.
    bool terminals = true;
    /// Device nodes are the host's own, bound one by one: the launcher may make none.
    bool host_devices = false;
    /// The group of terminals, tty, has an id here.
    bool terminal_group = true;
};

/// A full guest's own file systems.
std::vector<recipe::Mount> system_mounts(const MountOptions& options);

/// A jail's: fewer devices, no /sys, no cgroups. With `facts`, on an empty root, the host's program
/// folders come in read-only.
std::vector<recipe::Mount> jail_mounts(const MountOptions& options);
std::vector<recipe::Mount> host_program_mounts(const HostFacts& facts, recipe::NetworkMode network);

/// What is read-only in a guest's /proc (whole paths), and what is masked there (names).
std::span<const std::string_view> read_only_proc();
std::span<const std::string_view> masked_proc();

/// Files of the host's /etc that no guest reads.
std::vector<recipe::Mount> secret_masks();

} // namespace stead::compile
