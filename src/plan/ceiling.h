#pragma once

#include <string_view>

#include "base/result.h"
#include "model/exec.h"
#include "model/guest.h"
#include "plan/plan.h"

/// What keeps a plan that was made inside a guest from being worth more than guest root: the
/// launcher's own plan is the ceiling, and PID 1 obeys the lower of the two.
namespace stead::plan {

/// Whether a loader's plan may be obeyed at all below `ceiling`: it carries no guest record, and no
/// more units than the launcher allows.
Result<void> check_loader_plan(const Plan& plan, const GuestView& ceiling);

/// `exec` of a loader's plan, cut down to `ceiling`:
/// - capabilities are those wanted (default: the guest's) that the guest has; ambient ones as well;
/// - no-new-privileges and no-root hold when the guest has them;
/// - a filter never replaces the guest's: with private users or no-new-privileges the guest's is
///   loaded on top of it (`ceiling_filter`); else the guest's is inherited, and an own one is
///   loaded above it with no-new-privileges, and dropped without (PID 1 then has no right to load
///   one);
/// - PID 1's own standard input and output, which lead out of a launched guest, are not passed on.
/// Resource limits, nice and oom scores are the kernel's to refuse: PID 1 runs below hard limits
/// that the launcher set. Cgroup settings need no cut: Plan::open lets only is_unit_cgroup_file
/// pass.
ExecView cut(const ExecView& exec, const GuestView& ceiling);

/// Whether `file` is a level of a unit's own cgroup that a plan may write: a plain name out of a
/// list, so never a path, never cgroup.procs, subtree_control, kill, freeze or type.
bool is_unit_cgroup_file(std::string_view file);

} // namespace stead::plan
