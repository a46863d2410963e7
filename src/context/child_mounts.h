#pragma once

#include "base/result.h"
#include "context/job.h"

namespace stead::context {

/// Mounts what must belong to the guest's own namespaces (proc, sysfs, mqueue, devpts) and covers
/// what must not be seen of it. The working directory is the guest's root before and after. It has
/// to come before pivot_root: in a user namespace the kernel gives a new proc only to who still
/// sees an uncovered one.
Result<void> mount_instances(const recipe::Context& recipe, const Parts& parts);

} // namespace stead::context
