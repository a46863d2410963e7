#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/guest.h"

/// LXC's configuration (lxc.container.conf(5)) on its way to a guest file. For this folder's own
/// use.
namespace stead::importing {

/// One line of an fstab, or of lxc.mount.entry.
struct MountLine {
    std::string source;
    std::string target;
    std::string type;
    /// Between commas.
    std::vector<std::string> options;
    std::string problem;

    [[nodiscard]] bool has(std::string_view option) const;
};

/// The lines of one file, in order; at most kMaxDirectives. "lxc.KEY: VALUE" of Proxmox counts too,
/// up to its first [snapshot].
std::vector<ConfigLine> parse_lxc(const Source& source);

/// The lines of a configuration with those of what it includes in their place, and the lines of
/// lxc.mount.fstab as lxc.mount.entry. What includes itself, or is missing, is said.
std::vector<ConfigLine> flatten_lxc(const LxcConfig& config);

/// "\040" is a blank.
MountLine parse_mount(std::string_view text);

/// [limits] of lxc.cgroup2.*, lxc.cgroup.* and lxc.sysctl.*.
void lxc_level(Guest& guest, const Given& given);
void lxc_old_level(Guest& guest, const Given& given);
void lxc_sysctl(Guest& guest, const Given& given);
void lxc_devices(Guest& guest, const Given& given);

/// lxc.mount.* and lxc.rootfs.*.
void lxc_mount_entry(Guest& guest, const Given& given);
void lxc_mount_auto(Guest& guest, const Given& given);
void lxc_root(Guest& guest, const Given& given);
void lxc_root_options(Guest& guest, const Given& given);

/// lxc.net.* is judged as a whole, behind the rules.
void finish_lxc_network(Guest& guest);

/// What lxc.idmap maps, judged as a whole.
void finish_lxc_ids(Guest& guest);

std::span<const GuestRule> lxc_rules();

} // namespace stead::importing
