#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "model/strings.h"
#include "model/unit.h"

namespace stead {

/// One resource limit (setrlimit(2)); `resource` is the kernel's RLIMIT_ number, RLIM_INFINITY is
/// all ones.
struct ResourceLimit {
    std::uint32_t resource = 0;
    std::uint32_t reserved = 0;
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;

    friend constexpr bool operator==(const ResourceLimit&, const ResourceLimit&) = default;
};

static_assert(sizeof(ResourceLimit) == 24);

enum class DirectoryKind : std::uint8_t { State, Runtime, Cache, Logs };

/// A folder that is made, and given to the unit's user, before the unit starts. `path` is absolute.
struct DirectoryView {
    DirectoryKind kind = DirectoryKind::State;
    std::uint32_t mode = 0750;
    std::string_view path;
};

/// Beside the number of log files that are kept: whoever writes waits while nobody takes the lines.
inline constexpr std::uint32_t kLogBlocks = 1U << 16U;

/// Where a unit's output goes.
enum class OutputKind : std::uint8_t {
    /// To the log the keeper writes.
    Log,
    Console,
    Null,
    /// Appended to a file of the guest.
    File,
    Unit,
    /// PID 1's own standard output and error.
    Inherit
};

/// A cgroup file of the unit and what is written into it.
struct CgroupSetting {
    std::string_view file;
    std::string_view value;
};

/// A classic BPF program as seccomp(2) takes it: 8 bytes an instruction.
struct FilterView {
    std::span<const std::uint64_t> instructions;

    [[nodiscard]] bool empty() const { return instructions.empty(); }
};

/// With which identity and under which limits a unit's processes run. The same for all its
/// commands.
struct ExecView {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::span<const std::uint32_t> groups;
    /// "NAME=value" strings set for the unit.
    StringList environment;
    /// Names taken from PID 1's own environment; `inherit_all` takes everything but NOTIFY_SOCKET,
    /// LISTEN_*.
    StringList environment_inherit;
    bool inherit_all = false;
    std::string_view working_directory;
    std::uint32_t umask = 022;

    /// Bounding set: bit N is capability N of capabilities(7).
    std::uint64_t capabilities = 0;
    std::uint64_t ambient = 0;
    /// The unit asks for a bounding set of its own (else the guest's).
    bool own_capabilities = false;
    bool no_new_privileges = false;
    /// securebits NOROOT and NO_SETUID_FIXUP, locked: uid 0 means nothing (jail).
    bool no_root = false;
    /// What cannot be applied fails the unit even where it would be best effort.
    bool require = false;
    /// Empty: the guest's filter.
    FilterView filter;
    /// Loaded on top of `filter`, after it: the guest's filter, where `filter` was written inside
    /// the guest and so must not be wider (plan::cut sets it; it never lies in an image).
    FilterView ceiling_filter;

    std::span<const ResourceLimit> limits;
    std::uint32_t directory_count = 0;
    std::uint32_t cgroup_setting_count = 0;

    std::int8_t nice = 0;
    bool has_nice = false;
    bool has_oom_score = false;
    std::int16_t oom_score_adjust = 0;
    /// ioprio_set(2): class << 13 | level; 0: as PID 1.
    std::uint16_t io_priority = 0;
    /// sched_setscheduler(2): SCHED_ number and real-time priority.
    std::uint8_t cpu_policy = 0;
    std::uint8_t cpu_priority = 0;
    bool has_cpu_policy = false;
    /// Bit N of byte M: processor 8 * M + N; empty: all that PID 1 may use.
    std::span<const std::byte> cpu_affinity;
    /// "NAME=/path": files that the unit gets as credentials.
    StringList credentials;
    /// What must hold at the start, else the unit is skipped; see condition.h.
    StringList conditions;
    /// What the unit sees of the file system otherwise than its guest, outer places first: a letter
    /// and a plain path, with a '-' between them where it may be missing. r: read-only with all
    /// below; w: writable as far as the guest is; h: hidden; t: an empty folder of its own; c: the
    /// cgroup it was started in, given to its user; d: a small folder of its own, into which each b
    /// that follows brings one thing back from below the covered one. Behind them, A, B and C: what
    /// Landlock allows below the place.
    StringList view;
    /// Empty: no Landlock. Else struct landlock_ruleset_attr (files, network, scopes), what the
    /// letters A, B and C of `view` allow, and struct landlock_net_port_attr of each port.
    std::span<const std::uint64_t> landlock;
    /// CLONE_NEW* of unshare(2): namespaces of the unit's own.
    std::uint32_t namespaces = 0;
    /// The terminal that the unit runs on; empty: none.
    std::string_view terminal;

    /// Standard input is PID 1's own (a jail's program), else /dev/null.
    bool inherit_input = false;
    /// Standard input is the pipe that units with output = "unit:NAME" write to.
    bool reads_units = false;
    /// Standard input is a terminal that becomes the controlling one.
    bool controlling_terminal = false;
    OutputKind output = OutputKind::Log;
    OutputKind error = OutputKind::Log;
    /// error = "output": both ends are one descriptor.
    bool error_follows_output = true;
    std::string_view output_path;
    std::string_view error_path;

    /// The readiness descriptor number of `type = "notify-fd"`.
    std::uint32_t ready_fd = 3;
    NotifyAccess notify_access = NotifyAccess::Main;
};

} // namespace stead
