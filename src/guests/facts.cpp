#include "guests/facts.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <array>

#include "guests/cgroups.h"
#include "guests/disk.h"
#include "guests/ids.h"
#include "guests/network.h"
#include "guests/rootless.h"
#include "guests/zones.h"
#include "resources/disk.h"
#include "sys/file.h"
#include "sys/privileges.h"
#include "sys/setup.h"

namespace stead::guests {

namespace {

constexpr int kCapSysResource = 24;
/// CAP_CHECKPOINT_RESTORE, the newest of Linux 6.1.
constexpr std::uint32_t kKnownCapability = 40;

/// The newest capability of this kernel: asking is cheaper than reading the file in /proc.
std::uint32_t newest_capability() {
    std::uint32_t newest = kKnownCapability;
    while (newest < 63 && sys::in_bounding_set(static_cast<int>(newest + 1)))
        ++newest;
    return newest;
}

bool may_raise_limits() {
    const auto sets = sys::capabilities();
    return sets && (sets->effective >> kCapSysResource & 1U) != 0;
}

std::uint64_t hard_limit(std::uint32_t resource) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) < 0) return 0;
    return limit.rlim_max;
}

compile::PathFact look(const std::string& path) {
    using Kind = compile::PathFact::Kind;
    // Links first: most paths that are asked for at a start are the /bin and /lib of today.
    std::array<char, 4096> text{};
    const auto size = sys::read_link(AT_FDCWD, path.c_str(), text);
    if (size) return {Kind::Link, std::string(text.data(), *size)};
    if (size.error().code != EINVAL) return {Kind::Missing, {}};
    const auto status = sys::status_at(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!status) return {Kind::Missing, {}};
    if (S_ISDIR(status->st_mode)) return {Kind::Folder, {}};
    if (S_ISREG(status->st_mode)) return {Kind::File, {}};
    return {Kind::Other, {}};
}

} // namespace

compile::HostFacts host_facts(const Paths& paths, bool claim) {
    return host_facts(paths, claim, find_cgroup2());
}

compile::HostFacts
host_facts(const Paths& paths, bool claim, const std::optional<std::string>& cgroup2) {
    compile::HostFacts facts;
    facts.landlock = sys::landlock_version;
    facts.cap_last = newest_capability();
    facts.cgroup2 = cgroup2.has_value();
    if (cgroup2) {
        const auto own = rootless_ids() ? own_delegated_cgroup(*cgroup2) : std::nullopt;
        facts.controllers = controllers_of(own ? *own : *cgroup2);
    }
    facts.rootless_ids = rootless_ids();
    // The right to raise them is one of the machine's first user namespace.
    facts.may_raise_limits = !facts.rootless_ids && may_raise_limits();
    facts.hard_limit = hard_limit;
    facts.machine = resources::this_machine();
    facts.look = look;
    facts.has_name_servers = [] { return !host_resolver().empty(); };
    facts.image = [paths](const std::string& guest, const std::string& name) {
        return look_at_image(paths, guest, name);
    };
    facts.disk_problem = [](const std::string& folder, const resources::Level& level) {
        return resources::kernel_quotas().problem(folder, resources::counted_by(level));
    };
    facts.merge_problem = resources::merge_problem;
    facts.merges_pages = resources::merges_pages;
    facts.zone = zone_changes;
    facts.id_range = [paths, claim](const std::string& guest) -> std::optional<recipe::IdRange> {
        const auto range = claim ? range_of(paths, guest) : preview_range(paths, guest);
        if (!range) return std::nullopt;
        return *range;
    };
    facts.dynamic_uid = [paths, claim](const std::string& guest,
                                       const std::string& unit) -> std::optional<std::uint32_t> {
        if (!claim) return preview_dynamic(guest, unit);
        const auto uid = claim_dynamic(paths, guest, unit);
        if (!uid) return std::nullopt;
        return *uid;
    };
    return facts;
}

} // namespace stead::guests
