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

/// The same for a root of kind Image (overlay.cpp), by the steps below.
Result<int> make_image_root(const recipe::Context& recipe, int user_namespace);
/// kBuildingSite as it is now.
Result<int> open_site();
/// A detached mount of the host's folder `path`, with the guest's ids.
Result<int>
clone_folder(const recipe::Context& recipe, const std::string& path, int user_namespace);
std::uint64_t root_attributes(const recipe::Context& recipe);
/// In a user namespace an overlay keeps its notes in user attributes, which tmpfs has had since
/// Linux 6.6; without them it mounts, and fails in the middle of the guest's work.
Result<void> check_user_attributes(const char* folder, const std::string& root);

/// Options of a tmpfs for this guest: `options` joined, and the owner of its root folder.
std::string tmpfs_options(const recipe::Context& recipe, const std::vector<std::string>& options);

} // namespace stead::context
