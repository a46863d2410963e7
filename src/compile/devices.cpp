#include "resources/devices.h"

#include <algorithm>

#include "compile/guest_parts.h"
#include "compile/mounts.h"

/// The level `devices` at a start: the rules of the cgroup, and a node for each device.
namespace stead::compile {

namespace {

/// Where the node on the host has gone since its numbers were read.
constexpr std::uint32_t kUnknownMode = 0600;

/// The folders on the way to a node, each once.
void add_folders(Draft& draft, const std::string& path, const std::string& origin) {
    auto& mounts = draft.context.mounts;
    for (auto slash = path.find('/', std::string_view("/dev/").size()); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        recipe::Mount folder;
        folder.kind = recipe::MountKind::Folder;
        folder.target = path.substr(0, slash);
        folder.origin = origin;
        const bool known = std::any_of(mounts.begin(), mounts.end(), [&](const auto& mount) {
            return mount.kind == folder.kind && mount.target == folder.target;
        });
        if (!known) mounts.push_back(std::move(folder));
    }
}

void add_node(Draft& draft, const resources::DeviceLine& line, const std::string& origin) {
    recipe::Mount mount;
    mount.origin = origin;
    mount.target = line.path;
    if (draft.facts.rootless_ids) {
        mount.kind = recipe::MountKind::Bind;
        mount.source = line.path;
        mount.attributes = kNoSuid | kNoExec;
    } else {
        std::string unasked;
        const auto device = draft.facts.machine.device(line.path, unasked);
        mount.kind = recipe::MountKind::Device;
        mount.node = recipe::DeviceNode{line.rule, device ? device->mode : kUnknownMode};
    }
    draft.context.mounts.push_back(std::move(mount));
}

} // namespace

void set_devices(Draft& draft) {
    recipe::Context& context = draft.context;
    const bool rootless = draft.facts.rootless_ids.has_value();
    context.limits_devices = !rootless && draft.facts.cgroup2;
    context.devices = resources::usual_devices();
    for (const recipe::Level& level : context.inside) {
        if (level.key != "devices") continue;
        for (const resources::DeviceLine& line : resources::device_lines(level.value)) {
            if (rootless && (!line.rule.read || !line.rule.write))
                draft.report.error(draft.place("limits.devices"),
                                   "only root bounds what is done with a device; write \"" +
                                       line.path + "\", or run it as root");
            context.devices.push_back(line.rule);
            add_folders(draft, line.path, level.origin);
            add_node(draft, line, level.origin);
        }
    }
}

} // namespace stead::compile
