#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "resources/table.h"

namespace stead::resources {

class DiskQuotas;

/// A guest or a unit, as its levels see it.
struct Subject {
    /// "web" or "web/nginx", for messages.
    std::string name;
    /// The folder of its cgroup.
    std::string cgroup;
    /// The folders above, highest first, from cgroup2's mount on: each has to hand a controller
    /// down.
    std::vector<std::string> above;
    /// PID 1, for the levels of its namespaces; 0: a unit, which has none of its own.
    pid_t init = 0;
    bool unit = false;
    /// The folder of the guest's own disk; empty: it has none, and why ("its root is a folder").
    std::string disk;
    std::string no_disk;
    /// Null: the kernel's.
    const DiskQuotas* quotas = nullptr;
};

/// Empty if this machine and kernel can set the level on `subject`; else why not, and the way out.
std::string impossible(const Subject& subject, const Level& level);

/// Switches the level's controller on, from the root of the hierarchy down to `subject`. A
/// controller that is on already costs one look.
Result<void> enable_controller(const Subject& subject, const Level& level);

/// What the kernel holds now, in a form that `write_level` takes back. For levels of processes:
/// a line for each. `wanted` is the content that is to be written, or empty: the devices and keys
/// that it names are looked at.
Result<std::string>
read_level(const Subject& subject, const Level& level, const std::string& wanted);

/// Writes what `resolve` gave or `read_level` read.
Result<void> write_level(const Subject& subject, const Level& level, const std::string& content);

/// Whether `found`, as read_level gives it, is what was wanted: the kernel rounds sizes, sorts
/// lists and adds what was not named.
bool holds(const Level& level, const std::string& wanted, const std::string& found);

/// `content` as a person writes it: "512M", "150%", "max".
std::string in_words(const Level& level, const std::string& content);

} // namespace stead::resources
