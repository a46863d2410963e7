#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "context/job.h"

namespace stead::context {

/// Where the guest's root is attached while it is built, in a mount namespace of our own: a folder
/// that every host has and nothing here needs. Not "/": what lies on top of the old root would be
/// in the way of its unmounting.
inline constexpr const char* kBuildingSite = "/dev";

/// Attaches the guest's root at kBuildingSite and returns its folder. `user_namespace` (-1 with the
/// host's users) maps the ids of a root that comes from disk.
Result<int> make_root(const recipe::Context& recipe, int user_namespace);

/// Options of a tmpfs for this guest: `options` joined, and the owner of its root folder.
std::string tmpfs_options(const recipe::Context& recipe, const std::vector<std::string>& options);

} // namespace stead::context
