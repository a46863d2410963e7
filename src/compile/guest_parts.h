#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compile/compile.h"
#include "compile/filter.h"
#include "compile/report.h"

namespace stead::compile {

/// A guest on its way from spec to recipe: what every part of that work reads and adds to.
struct Draft {
    const unitfile::GuestSpec& spec;
    const HostFacts& facts;
    Report& report;
    recipe::Context context;
    plan::PlanInput plan;
    /// Set once the guest's `system-calls` are known.
    std::optional<CallPolicy> calls;
    /// The host's folder of a guest's volumes; set with an image.
    std::string volumes;

    [[nodiscard]] bool jail() const { return spec.profile.value == unitfile::ProfileKind::Jail; }

    /// Its services are looked after by an init of the guest's own, which is a unit of ours.
    [[nodiscard]] bool own_init() const { return !spec.init.empty(); }

    /// Where the key stands, or the guest file.
    [[nodiscard]] unitfile::Place place(std::string_view key) const {
        const unitfile::Place found = spec.keys.find(key);
        return found.file.empty() ? unitfile::Place{spec.file, 0, 0} : found;
    }

    /// "redis.toml:3", or "default of profile jail" where the key was not written.
    [[nodiscard]] std::string origin(std::string_view key) const;
    [[nodiscard]] std::string default_origin() const;
};

/// "redis.toml:3": without the column, for people.
std::string origin_of(const unitfile::Place& place);

// Each sets its part of the recipe, and of the plan's guest record. In this order: later ones look
// at what earlier ones decided.
void set_network(Draft& draft);
/// The part of that for mode = "private".
void set_private_network(Draft& draft);
/// Where name servers are told; looks at the root.
void set_resolver(Draft& draft);
void set_root(Draft& draft);
/// The part of that for `image`: the image and the guest's changes, what lies between them, and
/// the folder or file there that a bind of the guest file needs.
void choose_image(Draft& draft);
void set_layer(Draft& draft);
void add_bind_target(Draft& draft, const std::string& path, bool is_folder);
/// What init = "distribution" needs beside the units.
void set_distribution(Draft& draft);
void set_machine_id(Draft& draft);
void set_volumes(Draft& draft);
void set_binds(Draft& draft);
void set_capabilities(Draft& draft);
void set_filters(Draft& draft);
void set_levels(Draft& draft);
/// The part of that for the devices that may be opened.
void set_devices(Draft& draft);
void set_limits(Draft& draft);

/// The guest's system calls in words: what differs from its profile, and how many are left.
std::string describe_calls(const Draft& draft);
/// Their names.
std::vector<std::string> allowed_calls(const Draft& draft);

/// The range of host ids of a guest with users of its own.
void set_ids(Draft& draft);

/// Compiles the units of a jail and gives them their folders of the host, or the one unit that is
/// the guest's own init.
void set_units(Draft& draft, const UserDatabase& host_users, unitfile::Diagnostics& diagnostics);
/// The part of that for an init of the guest's own.
void set_own_init(Draft& draft, unitfile::Diagnostics& diagnostics);

} // namespace stead::compile
