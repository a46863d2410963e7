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
    /// An Error, taken apart: its text belongs to the process that made it.
    const char* operation = "";
    FixedString<96> subject;
    int code = 0;
    bool has_marker = true;
    bool lacks_abstract_scope = false;
    bool lacks_device_rules = false;
    bool keeps_login = false;

    void fail(const Error& what) {
        failed = true;
        operation = what.operation;
        subject = FixedString<96>(what.subject());
        code = what.code;
    }

    [[nodiscard]] Error error() const { return make_error(operation, subject.view(), code); }
};

/// Inode numbers of a process's namespaces, in a fixed order; 0: not read.
struct NamespaceIds {
    static constexpr std::size_t kCount = 6;
    std::array<std::uint64_t, kCount> inode{};
};

struct Job {
    const recipe::Context& recipe;
    const Descriptors& lent;
    Report& report;
    NamespaceIds launcher;
    /// Each body has a stack of its own that no other has run on.
    std::span<std::byte> child_stack;
    std::span<std::byte> network_stack;
    /// Null: loopback is all of the guest's own network.
    const ConnectNetwork* connect = nullptr;
};

/// What the builder makes for the child. Plain numbers, because a body's whole descriptor table
/// ends with it (and in the child is PID 1's by then): nobody has to close one. -1: not made.
struct Parts {
    /// Detached read-only copies of the mounts of stead-init and stead, and of the cgroup folder:
    /// PID 1's own, and the read-only one for MountKind::Cgroup.
    int program = -1;
    int loader = -1;
    int cgroup = -1;
    int cgroup_view = -1;

    int user_namespace = -1;
    /// Made before the child where somebody connects it.
    int network_namespace = -1;
    /// The root folder of the guest, as the builder's mount namespace has it.
    int root = -1;
    /// As lent.
    int devpts = -1;
    int control = -1;
    int notify = -1;
    int syslog = -1;
    /// The guest's /run/stead, whose mount is read-only in the end. It holds the empty file and the
    /// empty folder that masks are copies of.
    int guest_folder = -1;
};

/// Gives a descriptor to the table of this body.
inline int keep(sys::UniqueFd fd) {
    return fd.release();
}

/// The names of those two.
inline constexpr const char* kEmptyFile = "empty";
inline constexpr const char* kEmptyFolder = "empty.d";

/// The error with the recipe's own words for the thing and where it was asked for.
Error about(const Error& error, std::string_view thing, std::string_view origin);

} // namespace stead::context
