#pragma once

#include <string>
#include <string_view>

#include "compile/host_facts.h"
#include "compile/report.h"
#include "recipe/recipe.h"
#include "unitfile/specs.h"

namespace stead::compile {

/// Empty if this machine can apply the level; else why not, and the way out.
std::string level_problem(const unitfile::LevelSpec& level, const HostFacts& facts);
/// The same for the level's file alone ("pids.max"), without the way out of a file that names it.
bool has_level(std::string_view file, const HostFacts& facts);

/// Why a guest with this root has no disk of its own ("its root is the folder /srv/web"); empty: it
/// has one.
std::string no_disk(const recipe::Root& root);

/// Empty if this process may give the limit; else why not, and the way out.
std::string limit_problem(const unitfile::RlimitSpec& limit, const HostFacts& facts);

/// A duration as a plan counts it: milliseconds, rounded up, kForever for "infinity".
std::uint32_t plan_ms(Duration duration);

} // namespace stead::compile
