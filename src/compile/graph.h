#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "model/unit.h"
#include "unitfile/diagnostic.h"
#include "unitfile/specs.h"

namespace stead::compile {

inline constexpr std::size_t kNoOutcome = ~std::size_t{0};

/// A unit on its way into the graph.
struct GraphUnit {
    const unitfile::UnitSpec* spec = nullptr;
    /// Why it is left out, in one line; empty: it is in.
    std::string rejection;
    /// Its edges; a target is an index into the list given to `link_units`. Nothing points to a
    /// unit that is left out.
    std::vector<Dependency> dependencies;
    /// What [on] success, failure and limit start, by index; kNoOutcome: nothing.
    std::array<std::size_t, 3> outcome_units{kNoOutcome, kNoOutcome, kNoOutcome};
    /// Others write to its standard input.
    bool reads_units = false;
};

/// What is known about units that are not in the list, for messages.
struct UnitSurroundings {
    /// Where units were looked for.
    std::vector<std::string> folders;
    /// Units that exist but could not be read.
    std::vector<std::string> left_out;
};

/// Resolves the names of all dependencies, turns `before` into the other unit's `after`, and leaves
/// out what cannot start: units of a cycle of order, units that require themselves into a conflict,
/// and whatever requires a unit that is missing or left out. Every unit that falls is reported with
/// the place of each edge. What is wanted and missing goes to `notices`.
void link_units(std::vector<GraphUnit>& units,
                const UnitSurroundings& surroundings,
                unitfile::Diagnostics& diagnostics,
                std::vector<std::string>& notices);

} // namespace stead::compile
