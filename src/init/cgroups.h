#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "init/supervisor.h"
#include "sys/unique_fd.h"

/// One cgroup per unit, where PID 1 has a cgroup2 tree of its own: it tells who belongs to a unit,
/// kills all of it, and shows when it is empty.
namespace stead::init {

/// Takes the launcher's tree (kBootCgroup), in whose child `init` PID 1 sits.
void adopt_cgroups(Supervisor& self, sys::UniqueFd root);
/// Somebody else's container: makes a subtree of PID 1's own cgroup if it may, and notes if not.
void find_cgroups(Supervisor& self);
/// Removes what `find_cgroups` made.
void leave_cgroups(Supervisor& self);

/// The folder of cgroup `name`, made if missing.
Result<sys::UniqueFd> make_cgroup(Supervisor& self, std::string_view name);
void remove_cgroup(Supervisor& self, std::string_view name);
Result<void> set_level(Supervisor& self, int cgroup, const CgroupSetting& setting);

/// Whether a process of `name` lives. An unknown cgroup has none.
bool is_populated(Supervisor& self, std::string_view name);
/// The same by an open cgroup.events. Until it is read, epoll tells of a change again and again.
bool is_populated(int events);
/// cgroup.events of `name`, for epoll (EPOLLPRI at every change).
Result<sys::UniqueFd> open_events(Supervisor& self, std::string_view name);
/// How many processes of the cgroup the kernel has killed for want of memory; 0 without that
/// controller.
std::int64_t count_oom_kills(Supervisor& self, std::string_view name);
void kill_cgroup(Supervisor& self, std::string_view name);
/// False: not everybody in it could be reached, for want of descriptors.
bool signal_cgroup(Supervisor& self, std::string_view name, int signal);
/// Whether `pid` is a process of cgroup `name`, by the kernel's own list.
bool is_member(Supervisor& self, std::string_view name, pid_t pid);
/// The process of cgroup `name` with the lowest number of those that are our children; 0: none.
pid_t find_eldest(Supervisor& self, std::string_view name);
/// The name of the unit's cgroup that `pid` lives in, or of one below it; empty if in none.
/// The view is valid until the next call.
std::string_view find_cgroup_of(Supervisor& self, pid_t pid, std::span<char> buffer);

} // namespace stead::init
