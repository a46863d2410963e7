#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "compile/guest_parts.h"
#include "compile/levels.h"
#include "resources/change.h"

/// Levels and limits: what the file names is an error where it cannot be had, what only a default
/// asks for is best effort and told by `status`.
namespace stead::compile {

namespace {

struct DefaultLimit {
    const char* name;
    std::uint32_t resource;
    std::uint64_t soft;
    std::uint64_t hard;
};

constexpr std::uint64_t kInfinite = ~std::uint64_t{0};
/// RLIMIT_NICE counts downwards from 20: this is nice 0.
constexpr std::uint64_t kNiceZero = 20;

constexpr std::array<DefaultLimit, 7> kSystemLimits{{
    {"core", RLIMIT_CORE, 0, 0},
    {"nofile", RLIMIT_NOFILE, 1024, 524'288},
    {"memlock", RLIMIT_MEMLOCK, 64U << 20U, 64U << 20U},
    {"msgqueue", RLIMIT_MSGQUEUE, 819'200, 819'200},
    {"rtprio", RLIMIT_RTPRIO, 0, 0},
    {"nice", RLIMIT_NICE, kNiceZero, kNiceZero},
    {"stack", RLIMIT_STACK, 8U << 20U, kInfinite},
}};

constexpr std::array<DefaultLimit, 7> kJailLimits{{
    {"core", RLIMIT_CORE, 0, 0},
    {"nofile", RLIMIT_NOFILE, 1024, 65'536},
    {"memlock", RLIMIT_MEMLOCK, 0, 0},
    {"msgqueue", RLIMIT_MSGQUEUE, 819'200, 819'200},
    {"rtprio", RLIMIT_RTPRIO, 0, 0},
    {"nice", RLIMIT_NICE, kNiceZero, kNiceZero},
    {"stack", RLIMIT_STACK, 8U << 20U, kInfinite},
}};

/// Lowers a default to what this process may give, and says so where somebody could miss it.
ResourceLimit possible(const DefaultLimit& wanted, Draft& draft) {
    ResourceLimit limit{wanted.resource, 0, wanted.soft, wanted.hard};
    // A limit of nothing can always be had.
    if (limit.hard == 0 || draft.facts.may_raise_limits || !draft.facts.hard_limit) return limit;
    const std::uint64_t most = draft.facts.hard_limit(wanted.resource);
    if (limit.hard <= most) return limit;
    if (limit.hard != kInfinite)
        draft.context.notices.push_back(std::string(wanted.name) + " is " + std::to_string(most) +
                                        " instead of " + std::to_string(wanted.hard) + " (" +
                                        draft.default_origin() +
                                        "): raising hard limits needs CAP_SYS_RESOURCE");
    limit.hard = most;
    limit.soft = std::min(limit.soft, most);
    return limit;
}

/// Where the level stands, and what it stands for.
std::string level_origin(const Draft& draft, const unitfile::LevelSpec& level) {
    std::string origin = origin_of(level.place);
    for (const unitfile::OverrideSpec& one : draft.spec.overrides) {
        if (one.key == "limits." + level.key) origin += ", overrides " + origin_of(one.below);
    }
    return origin;
}

/// The size of one of the guest's own file systems, as an option of its mount; everything else
/// waits for the guest. False: there is no such file system.
bool set_mount_option(Draft& draft, const resources::Level& row, const recipe::Level& level) {
    using resources::Kernel;
    draft.context.inside.push_back(level);
    const bool tmpfs = row.kernel == Kernel::TmpfsSize;
    if (!tmpfs && row.kernel != Kernel::PtyCount) return true;
    const std::string_view option = tmpfs ? "size=" : "max=";
    const auto kind = tmpfs ? recipe::MountKind::Tmpfs : recipe::MountKind::Devpts;
    for (recipe::Mount& mount : draft.context.mounts) {
        if (mount.kind != kind || mount.target != row.object) continue;
        std::erase_if(mount.options,
                      [&](const std::string& one) { return one.starts_with(option); });
        // tmpfs knows no "max": 0 is no limit there.
        mount.options.push_back(std::string(option) + (level.value == "max" ? "0" : level.value));
        return true;
    }
    return false;
}

/// A limit of the guest's own disk; what is wrong with it, or nothing.
std::string disk_problem(const Draft& draft, const resources::Level& level) {
    const std::string key(level.key);
    const recipe::Root& root = draft.context.root;
    if (draft.facts.rootless_ids)
        return key + " is a quota of the host's file system, which only root can set; run it as "
                     "root, or take the key out";
    // Without its image, of which the file's reader has heard, nobody knows.
    if (root.kind == recipe::RootKind::Image && root.path.empty()) return {};
    const std::string none = no_disk(root);
    if (!none.empty())
        return key + " needs a disk of the guest's own, and this one has none: " + none +
               "; a guest with image = \"NAME\" keeps its changes on one";
    const std::string problem =
        draft.facts.disk_problem ? draft.facts.disk_problem(root.changes, level) : std::string();
    return problem.empty() ? std::string() : key + ": the guest's disk " + problem;
}

/// What is wrong with it, or nothing.
std::string merge_memory(Draft& draft, const std::string& key) {
    const std::string problem =
        draft.facts.merge_problem ? draft.facts.merge_problem() : std::string();
    if (!problem.empty()) return key + " " + problem + "; take the key out";
    draft.context.merge_memory = true;
    if (draft.facts.merges_pages && !draft.facts.merges_pages())
        draft.context.notices.push_back(key + " waits for the machine, which merges no pages: "
                                              "'echo 1 >/sys/kernel/mm/ksm/run' begins it");
    return {};
}

void add_default_level(Draft& draft, const std::string& file, std::uint64_t value) {
    const auto& levels = draft.context.levels;
    if (std::any_of(levels.begin(), levels.end(),
                    [&](const recipe::Level& level) { return level.file == file; }))
        return;
    if (has_level(file, draft.facts)) {
        const resources::Level* const row = resources::find_file(file);
        draft.context.levels.push_back({file, std::to_string(value), "", std::string(row->key)});
        return;
    }
    draft.context.notices.push_back(file + " = " + std::to_string(value) + " (" +
                                    draft.default_origin() +
                                    ") is not in force: this machine offers no cgroup v2 "
                                    "controller for it");
}

} // namespace

void set_levels(Draft& draft) {
    for (const unitfile::LevelSpec& spec : draft.spec.levels) {
        const resources::Level* const row = resources::find_level(spec.key);
        std::string problem = level_problem(spec, draft.facts);
        const auto content = resources::resolve(*row, spec.content, draft.facts.machine, problem);
        if (!problem.empty()) {
            draft.report.error(spec.place, problem);
            continue;
        }
        if (row->kernel == resources::Kernel::DiskQuota) problem = disk_problem(draft, *row);
        if (!problem.empty()) {
            draft.report.error(spec.place, problem);
            continue;
        }
        if (row->kernel == resources::Kernel::MemoryMerge && *content == "1")
            problem = merge_memory(draft, spec.key);
        if (!problem.empty()) {
            draft.report.error(spec.place, problem);
            continue;
        }
        const recipe::Level level{spec.file, *content, level_origin(draft, spec), spec.key};
        if (row->kernel == resources::Kernel::Cgroup) {
            draft.context.levels.push_back(level);
        } else if (!set_mount_option(draft, *row, level)) {
            draft.report.error(spec.place, spec.key + " needs a " + spec.file +
                                               " of the guest's own, which this one has not");
        }
    }
    const auto content_of = [&](std::string_view key) -> std::string {
        for (const recipe::Level& level : draft.context.levels) {
            if (level.key == key) return level.value;
        }
        return {};
    };
    for (const std::string& problem : resources::contradictions(content_of))
        draft.report.error(draft.place("limits." + problem.substr(0, problem.find(' '))), problem);
    add_default_level(draft, "pids.max", draft.jail() ? 1024 : 4096);
}

void set_limits(Draft& draft) {
    for (const unitfile::RlimitSpec& limit : draft.spec.rlimits) {
        const std::string problem = limit_problem(limit, draft.facts);
        if (!problem.empty()) draft.report.error(limit.place, problem);
        draft.context.limits.push_back({limit.limit, limit.name, origin_of(limit.place)});
    }
    for (const DefaultLimit& wanted : draft.jail() ? kJailLimits : kSystemLimits) {
        const auto& limits = draft.context.limits;
        if (std::any_of(limits.begin(), limits.end(), [&](const recipe::Limit& limit) {
                return limit.limit.resource == wanted.resource;
            }))
            continue;
        draft.context.limits.push_back({possible(wanted, draft), wanted.name, ""});
    }
}

} // namespace stead::compile
