#pragma once

#include "base/result.h"
#include "context/job.h"

namespace stead::context {

/// A user namespace whose ids 0.. are `ids` of the host. Made by a process that lives only until
/// the maps are written.
Result<sys::UniqueFd> make_user_namespace(const recipe::IdRange& ids);

/// Gives the guest's root what PID 1 needs of its cgroup folder and of `init` in it: the folders
/// themselves, cgroup.procs, cgroup.threads and cgroup.subtree_control (cgroups(7), delegation).
/// The folder's own limits stay the host's.
Result<void> delegate_cgroup(int cgroup, const recipe::IdRange& ids);

/// Makes the missing host folders of the recipe, component by component, following no link.
Result<void> make_host_folders(const recipe::Context& recipe);

} // namespace stead::context
