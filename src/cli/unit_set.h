#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/verbs.h"
#include "compile/compile.h"
#include "resources/table.h"
#include "unitfile/diagnostic.h"

/// Folders of unit files turned into one plan: what `compile` and `load` share.
namespace stead::cli {

struct UnitSet {
    std::vector<std::string> folders;
    /// Users and groups are looked up here.
    std::string root = "/";
    /// For somebody else's container.
    bool foreign = false;
    /// Wrong files are left out and listed in the plan, instead of refusing the whole set.
    bool leave_out = false;
    /// The services of the root's packages too.
    bool distribution = false;
    std::uint64_t ceiling = 0;
    recipe::Users users = recipe::Users::Private;
    /// How many ids there are from 0; 0: all.
    std::uint32_t id_count = 0;

    /// See UnitOptions::landlock.
    std::optional<int> landlock;
    /// Where the plan will run; empty: on another machine.
    resources::Machine machine;

    /// The result.
    std::vector<std::byte> image;
};

/// The folders of a guest in search order: /etc/stead/units, /usr/lib/stead/units, then
/// /run/stead/units with the folders that a guest file's `units` puts into it.
std::vector<std::string> searched_folders();

/// Fills `set.image`, or prints every mistake and returns what to leave with.
int compile_unit_set(Context& context, UnitSet& set);

} // namespace stead::cli
