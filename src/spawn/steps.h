#pragma once

#include "spawn/spawn.h"

/// The steps of `become`, in the order of SpawnStage. Each returns only if it succeeded.
namespace stead::spawn {

/// Reports {stage, error} and ends the child; without `error` it is errno.
[[noreturn]] void fail(const Child& child, SpawnStage stage, int error);
[[noreturn]] void fail(const Child& child, SpawnStage stage);

/// `fail` where the step matters, nothing where it is best effort.
void fail_if_strict(const Child& child, SpawnStage stage, int error);
void fail_if_strict(const Child& child, SpawnStage stage);

void enter_cgroup(const Child& child);
void enter_session(const Child& child);
/// Changes `child`'s streams where the unit has a terminal of its own.
void take_terminal(Child& child);
/// Moves what the child keeps above every wanted number, then onto 0, 1, 2 and the extra number;
/// everything else is close-on-exec. Changes `child`'s report and program descriptors.
void place_descriptors(Child& child);

void set_limits(const Child& child);
void set_oom_score(const Child& child);
void set_scheduling(const Child& child);

void make_directories(const Child& child);
/// Copies what the unit is to get as credentials into its folder (see spawn.h).
void make_credentials(const Child& child);

/// A mount namespace of the unit's own, in which it sees what ExecView::view says, and Landlock's
/// rules, which name places of it. Changes `child`'s ruleset.
void set_view(Child& child);

void set_groups(const Child& child);
void set_group(const Child& child);
void cut_bounding_set(const Child& child);
void set_user(const Child& child);
void set_final_capabilities(const Child& child);
void set_no_new_privileges(const Child& child);
/// From here on the rules hold.
void enter_landlock(const Child& child);
void load_filters(const Child& child);

void change_directory(const Child& child);
void reset_signals(const Child& child);
[[noreturn]] void execute(const Child& child);

} // namespace stead::spawn
