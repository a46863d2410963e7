#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "context/context.h"
#include "sys/unique_fd.h"

/// What the three bodies of a start share: the launcher, the builder and the child that becomes
/// PID 1.
namespace stead::context {

/// How far a start came. It lies in memory that all three bodies share, and only one of them runs
/// at a time.
struct Report {
    /// The child's pid in the launcher's pid namespace; 0: there is none.
    pid_t child = 0;
    /// The child has done everything but the execution.
    bool executing = false;
    bool failed = false;
    Error error;
    bool has_marker = true;
    bool lacks_abstract_scope = false;
    bool keeps_login = false;

    void fail(const Error& what) {
        failed = true;
        error = what;
    }
};

/// Inode numbers of a process's namespaces, in a fixed order; 0: this kernel has none.
struct NamespaceIds {
    static constexpr std::size_t kCount = 8;
    std::array<std::uint64_t, kCount> inode{};
};

struct Job {
    const recipe::Context& recipe;
    const Descriptors& lent;
    Report& report;
    NamespaceIds launcher;
    std::span<std::byte> child_stack;
};

/// What the builder makes for the child; it dies with the builder.
struct Parts {
    /// Detached read-only copies of the mounts of stead-init and stead, and of the cgroup folder:
    /// PID 1's own, and the read-only one for MountKind::Cgroup.
    sys::UniqueFd program;
    sys::UniqueFd loader;
    sys::UniqueFd cgroup;
    sys::UniqueFd cgroup_view;

    sys::UniqueFd user_namespace;
    /// The root folder of the guest, as the builder's mount namespace has it.
    sys::UniqueFd root;
    sys::UniqueFd control;
    sys::UniqueFd notify;
};

/// The error with the recipe's own words for the thing and where it was asked for.
Error about(const Error& error, std::string_view thing, std::string_view origin);

} // namespace stead::context
