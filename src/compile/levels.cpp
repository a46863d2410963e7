#include "compile/levels.h"

#include <algorithm>

#include "model/unit.h"
#include "resources/table.h"

namespace stead::compile {

bool has_level(std::string_view file, const HostFacts& facts) {
    if (!facts.cgroup2) return false;
    const std::string_view controller = file.substr(0, file.find('.'));
    // cgroup.max.descendants and its like belong to the hierarchy itself.
    return controller == "cgroup" || std::find(facts.controllers.begin(), facts.controllers.end(),
                                               controller) != facts.controllers.end();
}

std::string level_problem(const unitfile::LevelSpec& level, const HostFacts& facts) {
    const resources::Level* const row = resources::find_level(level.key);
    if (row != nullptr && row->kernel != resources::Kernel::Cgroup) return {};
    if (has_level(level.file, facts)) return {};
    if (facts.rootless_ids)
        return level.key + " is a level of a cgroup, which an ordinary user has only where one is "
                           "delegated: put 'systemd-run --user --scope -p Delegate=yes' before the "
                           "command, run it as root, or take the key out";
    if (!facts.cgroup2)
        return level.key + " needs cgroup v2, and nothing of that type is mounted here; mount it "
                           "(mount -t cgroup2 none /sys/fs/cgroup) or take the key out";
    const std::string controller = level.file.substr(0, level.file.find('.'));
    return level.key + " needs the cgroup v2 controller '" + controller +
           "', which this machine does not offer; where it sits on cgroup v1, boot with "
           "cgroup_no_v1=all, or take the key out";
}

std::string no_disk(const recipe::Root& root) {
    switch (root.kind) {
    case recipe::RootKind::Directory:
        return "its root is the folder " + root.path;
    case recipe::RootKind::EphemeralOverlay:
        return "what it changes above " + root.path + " lies in memory";
    case recipe::RootKind::HostPrograms:
        return "its root is made of the host's programs";
    case recipe::RootKind::Image:
        break;
    }
    if (!root.changes.empty()) return {};
    return root.read_only ? "its image is read-only" : "what it changes lies in memory (ephemeral)";
}

std::string limit_problem(const unitfile::RlimitSpec& limit, const HostFacts& facts) {
    if (facts.may_raise_limits || !facts.hard_limit) return {};
    const std::uint64_t most = facts.hard_limit(limit.limit.resource);
    if (limit.limit.hard <= most) return {};
    return limit.name + " is above the hard limit of " + std::to_string(most) +
           " that Stead runs under, and raising it needs CAP_SYS_RESOURCE; ask for less, or raise "
           "the limit of whoever starts Stead";
}

std::uint32_t plan_ms(Duration duration) {
    if (duration.is_infinite()) return kForever;
    if (duration.ns <= 0) return 0;
    const std::int64_t ms = duration.ns / 1'000'000 + (duration.ns % 1'000'000 != 0 ? 1 : 0);
    return ms >= std::int64_t{kForever} ? kForever : static_cast<std::uint32_t>(ms);
}

} // namespace stead::compile
