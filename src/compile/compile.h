#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compile/host_facts.h"
#include "compile/users.h"
#include "plan/writer.h"
#include "recipe/recipe.h"
#include "unitfile/diagnostic.h"
#include "unitfile/specs.h"

/// Specs to plans and recipes: names become numbers, lists become masks and filters, defaults are
/// filled in from the guest's profile. Pure: it opens no file, asks no kernel, and changes nothing;
/// what the machine is like comes in as HostFacts, accounts as a UserDatabase. libseccomp and
/// libcap live in this folder and nowhere else.
///
/// Mistakes go to the Diagnostics with the place they were written at. One bad unit never stops the
/// others: it is left out and listed, with every unit that requires it.
namespace stead::compile {

class CallPolicy;

/// What a unit's context allows it; the same for all units of a guest.
struct UnitOptions {
    /// The guest's allow-list, and where it was written ("web.toml:4" or "default of profile
    /// system").
    std::uint64_t ceiling = 0;
    std::string ceiling_origin;
    recipe::Users users = recipe::Users::Private;
    /// How many ids the guest has; 0: all there are.
    std::uint32_t id_count = 0;
    /// The guest's system calls; null: the defaults of its profile (a loader knows no better, and
    /// PID 1 loads the guest's filter on top of a unit's in any case).
    const CallPolicy* calls = nullptr;
    /// The guest's default.
    bool no_new_privileges = false;
    /// A jail: users are the host's, never uid 0; the only unit is essential; its directories are
    /// binds.
    bool jail = false;
    /// Somebody else's container: no launcher, so the environment is inherited whole, output goes
    /// to PID 1's own, a missing level is no error.
    bool foreign = false;
    /// The name of the guest, for the allocation of dynamic users.
    std::string guest;
    /// The version of Landlock where the units will run; nothing: not known, and PID 1 will say.
    std::optional<int> landlock;
    /// The searched folders, for "no unit NAME in ...".
    std::vector<std::string> folders;
    /// Units that exist but could not even be read: who requires one is told so.
    std::vector<std::string> left_out;
    /// Where the plan will run; without it percentages of memory and names of disks are refused.
    resources::Machine machine;
    /// Needed by levels, and by a jail's dynamic users. May be null: a unit that needs
    /// it is then refused.
    const HostFacts* facts = nullptr;
    /// The changes of a time zone (local time for an empty name), nothing for one that does not
    /// exist; null: only UTC is known.
    std::function<std::optional<std::vector<ZoneChange>>(const std::string& name)> zone;
};

/// The units as a plan, without a guest record, in the order given; `rejected` lists what was left
/// out, `notices` what a default could not give and which wanted units are missing.
plan::PlanInput compile_units(const std::vector<unitfile::UnitSpec>& units,
                              const UserDatabase& users,
                              const UnitOptions& options,
                              unitfile::Diagnostics& diagnostics);

struct CompiledGuest {
    recipe::Context context;
    /// The launcher's plan, with its guest record and a jail's units.
    plan::PlanInput plan;
    /// The same, ready for the sealed memfd. Who changes `plan` writes it again (plan::write).
    std::vector<std::byte> image;
    // The rest only if HostFacts::explained.

    /// For `explain`: where each key of the boundary was decided ("redis.toml:3", "default of
    /// profile jail"), and its system calls in words.
    std::map<std::string, std::string> origins = {};
    std::string calls = {};
    /// For `score`: the names of the system calls that its units may make, some of them checked.
    std::vector<std::string> allowed_calls = {};
};

/// Nothing if the guest cannot be started as it is written; the Diagnostics then hold at least one
/// error. `host_users` are the host's accounts: a jail's users are looked up there.
std::optional<CompiledGuest> compile_guest(const unitfile::GuestSpec& guest,
                                           const HostFacts& facts,
                                           const UserDatabase& host_users,
                                           unitfile::Diagnostics& diagnostics);

/// One line of `stead explain`: a heading, what holds, and where it was written.
struct Explanation {
    std::string topic;
    std::string text;
    /// "redis.toml:3" or "default of profile jail".
    std::string origin;
};

/// The whole boundary of a guest in words, in the order a reader asks: root, users, capabilities,
/// calls, mounts, network, levels, units.
std::vector<Explanation> explain(const CompiledGuest& guest);

} // namespace stead::compile
