#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guests.h"
#include "sys/unique_fd.h"

/// A guest's place in the cgroup2 hierarchy: CGROUP2/stead/NAME, with PID 1 in its child `init` and
/// each unit in `units/UNIT`. On hosts whose controllers sit on cgroup v1 a bare cgroup2 mount is
/// used to track and kill. For this folder's own use.
namespace stead::guests {

struct Cgroup {
    std::string path;
    sys::UniqueFd folder;
};

/// Where cgroup2 is mounted, anywhere; nothing if it is not. For an ordinary user: nothing either,
/// unless there is an own_delegated_cgroup.
std::optional<std::string> find_cgroup2();

/// The cgroup of this process, if it may make others below it as an ordinary user: it is writable,
/// systemd has said that it is delegated (user.delegate, systemd.resource-control(5)) where systemd
/// looks after cgroups, and no other process sits in it. Once this process has moved into its leaf
/// `keeper`, it is still that one.
std::optional<std::string> own_delegated_cgroup(const std::string& cgroup2);

/// CGROUP2/stead for the usual runtime folder; another one has a parent of its own, so that two
/// separate sets of guests never meet.
std::string cgroup_parent(const Paths& paths, std::string_view cgroup2);

/// The controllers that a guest's cgroup can be given below `cgroup2`.
std::vector<std::string> controllers_of(const std::string& cgroup2);

/// Where the cgroups of guests are made.
struct CgroupParent {
    std::string path;
    /// The folders that pass controllers on, highest first.
    std::vector<std::string> passing;

    /// CGROUP2/stead, made where it is missing.
    static CgroupParent of_all(const Paths& paths, const std::string& cgroup2);
    /// The cgroup of our own service, which a service manager has delegated to us. Its processes
    /// may sit in leaves only (cgroups(7)): this one moves into the leaf `keeper`.
    static Result<CgroupParent> of_service(const std::string& cgroup2);
};

/// The leaf beside the cgroup of a guest of a service, where its keeper lives.
std::string keeper_leaf(const std::string& guest_cgroup);

/// Moves this process.
Result<void> enter_cgroup(const std::string& cgroup);

/// Makes the guest's cgroup and its leaf `init`, with the files of `controllers` in it (its own
/// subtree_control stays empty: PID 1 fills that). What an ended guest of this name left there is
/// removed first.
Result<Cgroup> make_cgroup(const CgroupParent& parent,
                           std::string_view name,
                           const std::vector<std::string>& controllers);

/// Writes one level of the guest.
Result<void> set_level(const Cgroup& cgroup, const char* file, std::string_view value);

/// Kills whatever is inside, waits until it is empty, and removes it with all below. Done if it is
/// not there.
Result<void> remove_cgroup(const std::string& path);

} // namespace stead::guests
