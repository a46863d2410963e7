#pragma once

#include "base/result.h"
#include "context/job.h"

namespace stead::context {

/// Attaches the guest's root on top of everything in this mount namespace and returns its folder.
/// `user_namespace` (-1 with the host's users) maps the ids of a root that comes from disk.
Result<sys::UniqueFd> make_root(const recipe::Context& recipe, int user_namespace);

/// Options of a tmpfs for this guest: `options` joined, and the owner of its root folder.
std::string tmpfs_options(const recipe::Context& recipe, const std::vector<std::string>& options);

} // namespace stead::context
