#pragma once

#include <optional>
#include <string>
#include <vector>

#include "import/distribution.h"

/// The services of a distribution's packages, for whoever compiles a guest's units. Inside a guest
/// its root is "/": what a hostile file makes of this process is then guest root's business alone,
/// and PID 1 cuts the plan that comes out to the guest's ceiling. On the host the same code looks
/// below a root that is named, through the resolver.
namespace stead::cli {

/// True inside a guest with init = "distribution".
bool in_distribution();

/// Looks below `root` through the resolver: links lead nowhere else, nothing is waited for, and no
/// answer is larger than the limits of `importing`. Nothing: there is no such folder.
std::optional<importing::RootView> view_of(const std::string& root);

/// The services of that root. `here`: they will run under the limits that this process has.
importing::Distribution distribution_of(const importing::RootView& root, bool here);

} // namespace stead::cli
