#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/calendar.h"
#include "recipe/recipe.h"
#include "resources/table.h"

namespace stead::compile {

/// What is at a path of the host, without following a final symbolic link.
struct PathFact {
    enum class Kind : std::uint8_t { Missing, Folder, File, Link, Other };
    Kind kind = Kind::Missing;
    /// Link: its text.
    std::string link;
};

/// An image that a guest names.
struct ImageFact {
    /// Why it cannot be used, and the way out; empty: it can.
    std::string problem;
    std::string hint;
    /// The folder of its tree.
    std::string root;
    /// The folder of the guest's changes, which the start makes.
    std::string changes;
    /// The folder of its volumes, likewise.
    std::string volumes;
};

/// What the machine is like. `compile` looks at nothing itself, so that every rule can be tested
/// without root: the caller measures, a test invents.
struct HostFacts {
    /// The newest capability the kernel knows (/proc/sys/kernel/cap_last_cap).
    std::uint32_t cap_last = 40;
    /// Anything mounted as cgroup2, and the controllers that a guest's cgroup can be given there.
    bool cgroup2 = true;
    std::vector<std::string> controllers;
    /// The launcher is an ordinary user's: root of a user namespace of its own with so many ids
    /// from 0, the first of which is the user's. It may make no device nodes, bounds no addresses,
    /// and has no cgroup.
    std::optional<std::uint32_t> rootless_ids;
    /// The version of Landlock (see UnitOptions::landlock); asked only if a unit names it.
    std::function<int()> landlock;
    /// This process may raise hard rlimits (CAP_SYS_RESOURCE); else its own hard limit of
    /// `resource` is the most a guest gets.
    bool may_raise_limits = true;
    std::function<std::uint64_t(std::uint32_t resource)> hard_limit;

    /// What percentages and disks of levels mean.
    resources::Machine machine;

    /// See UnitOptions::zone.
    std::function<std::optional<std::vector<ZoneChange>>(const std::string& name)> zone;
    /// lstat(2) and readlink(2). Must be set.
    std::function<PathFact(const std::string& path)> look;
    /// The image `name` for this guest; unset: there are none.
    std::function<ImageFact(const std::string& guest, const std::string& name)> image;
    /// Why the folder of a guest's changes, which may not be there yet, cannot have this level, and
    /// the way out; empty: it can. Unset: all can.
    std::function<std::string(const std::string& folder, const resources::Level& level)>
        disk_problem;
    /// Why this kernel cannot merge the memory of a guest; empty, or unset: it can.
    std::function<std::string()> merge_problem;
    /// Whether the host's kernel merges pages at all (/sys/kernel/mm/ksm/run); unset: it does.
    std::function<bool()> merges_pages;
    /// Whether the host has name servers that a guest with a network of its own can reach; unset:
    /// it has.
    std::function<bool()> has_name_servers;
    /// An unused range of host ids for this guest.
    std::function<std::optional<recipe::IdRange>(const std::string& guest)> id_range;
    /// An unused host id (61184..65519) for a unit of this jail that names no user. Both answer
    /// nothing when none is left.
    std::function<std::optional<std::uint32_t>(const std::string& guest, const std::string& unit)>
        dynamic_uid;

    /// Whether the guest may be asked to explain itself or be graded: what only those need takes as
    /// long as a tenth of its start.
    bool explained = true;
};

} // namespace stead::compile
