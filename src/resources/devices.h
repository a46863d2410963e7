#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/device.h"
#include "resources/subject.h"

/// The devices that a guest may open: rules of its cgroup, and nodes in its /dev. The content of
/// the level is a line for each beside the usual ones, "c 10:229 rw /dev/fuse", or "none".
namespace stead::resources {

/// What every guest may open: null, zero, full, random, urandom, tty, and every pseudo-terminal
/// (which of them can be reached, its devpts says).
std::vector<DeviceRule> usual_devices();

struct DeviceLine {
    DeviceRule rule;
    /// Empty: not known.
    std::string path;
};

/// A line that is none is left out.
std::vector<DeviceLine> device_lines(std::string_view content);

/// ENOENT: the guest has no device program.
Result<std::string> read_devices(const Subject& subject);
/// The rules at once, then nodes: what the rules do not name any more is removed. EXDEV: the
/// guest's /dev is not its own. EEXIST: something else is in a node's place.
Result<void> write_devices(const Subject& subject, const std::string& content);

/// The same rules in whatever order; paths may be missing.
bool same_devices(const std::string& one, const std::string& other);
/// "/dev/fuse, /dev/sdb r".
std::string devices_in_words(const std::string& content);

} // namespace stead::resources
