#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/activation.h"
#include "model/exec.h"
#include "model/guest.h"
#include "model/unit.h"
#include "plan/limits.h"

/// The host's side of a plan: rich values in, one flat image out. PID 1 never links this file.
namespace stead::plan {

using Argv = std::vector<std::string>;

struct DirectoryInput {
    DirectoryKind kind = DirectoryKind::State;
    std::uint32_t mode = 0750;
    /// Absolute, without "..", "." or empty components.
    std::string path;

    friend bool operator==(const DirectoryInput&, const DirectoryInput&) = default;
};

struct CgroupSettingInput {
    /// One of the files that `is_unit_cgroup_file` knows.
    std::string file;
    std::string value;

    friend bool operator==(const CgroupSettingInput&, const CgroupSettingInput&) = default;
};

/// ExecView with memory of its own; every field means what it means there.
struct ExecInput {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;
    std::vector<std::string> environment;
    std::vector<std::string> environment_inherit;
    bool inherit_all = false;
    std::string working_directory = "/";
    std::uint32_t umask = 022;

    std::uint64_t capabilities = 0;
    std::uint64_t ambient = 0;
    bool own_capabilities = false;
    bool no_new_privileges = false;
    bool no_root = false;
    bool require = false;
    std::vector<std::uint64_t> filter;

    std::vector<ResourceLimit> limits;
    std::vector<DirectoryInput> directories;
    std::vector<CgroupSettingInput> cgroup_settings;

    std::optional<std::int8_t> nice;
    std::optional<std::int16_t> oom_score_adjust;
    std::uint16_t io_priority = 0;
    std::optional<std::uint8_t> cpu_policy;
    std::uint8_t cpu_priority = 0;
    std::vector<std::byte> cpu_affinity;
    std::vector<std::string> credentials;
    std::vector<std::string> conditions;
    std::vector<std::string> view;
    std::vector<std::uint64_t> landlock;
    std::uint32_t namespaces = 0;
    std::string terminal;

    bool inherit_input = false;
    bool reads_units = false;
    bool controlling_terminal = false;
    OutputKind output = OutputKind::Log;
    OutputKind error = OutputKind::Log;
    bool error_follows_output = true;
    /// The path of OutputKind::File, the unit's name of OutputKind::Unit, else empty.
    std::string output_path;
    std::string error_path;

    std::uint32_t ready_fd = 3;
    NotifyAccess notify_access = NotifyAccess::Main;

    friend bool operator==(const ExecInput&, const ExecInput&) = default;
};

/// SocketView with memory of its own.
struct SocketInput {
    std::string name;
    SocketKind kind = SocketKind::Stream;
    std::uint8_t flags = 0;
    std::uint16_t mode = 0600;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::byte> address;

    friend bool operator==(const SocketInput&, const SocketInput&) = default;
};

/// TimerView with memory of its own.
struct TimerInput {
    std::uint32_t flags = 0;
    std::uint32_t every_ms = 0;
    std::uint32_t on_boot_ms = 0;
    std::uint32_t jitter_ms = 0;
    Calendar calendar;
    std::vector<ZoneChange> zone;

    friend bool operator==(const TimerInput&, const TimerInput&) = default;
};

/// One unit. Its UnitId is its index in PlanInput::units.
struct UnitInput {
    std::string name;
    std::string description;
    /// The unit file it was compiled from, for people.
    std::string source;

    /// `commands`, `command_counts`, `first_dependency` and `dependency_count` are filled in by
    /// `write` from the two fields below; what stands there is ignored.
    UnitPolicy policy;
    std::vector<Dependency> dependencies;
    /// By CommandRole. Main, Reload, Stop and the probes take one command at most, the hooks a
    /// list.
    std::array<std::vector<Argv>, kCommandRoles> commands;

    ExecInput exec;

    /// A whole sockaddr, for ReadyKind::Tcp and Unix.
    std::vector<std::byte> ready_address;
    /// For ReadyKind::Path and PidFile.
    std::string ready_path;
    /// The same for the health check.
    std::vector<std::byte> health_address;
    std::string health_path;
    /// Pairs: the signal that arrives, the one that is passed on (0: none).
    std::vector<std::byte> signal_map;

    std::vector<SocketInput> sockets;
    std::optional<TimerInput> timer;
    std::uint32_t descriptor_store = 0;

    std::uint64_t log_size = 1U << 20U;
    std::uint32_t log_keep = 5;
    bool log_timestamp = true;

    /// What else is true of it, in words for `explain`; never in an image.
    std::vector<std::string> remarks;

    [[nodiscard]] std::vector<Argv>& commands_of(CommandRole role) {
        return commands[static_cast<std::size_t>(role)];
    }

    [[nodiscard]] const std::vector<Argv>& commands_of(CommandRole role) const {
        return commands[static_cast<std::size_t>(role)];
    }

    friend bool operator==(const UnitInput&, const UnitInput&) = default;
};

/// GuestView with memory of its own.
struct GuestInput {
    std::string name;
    std::uint64_t capabilities = 0;
    std::vector<std::uint64_t> filter;
    bool private_users = false;
    bool no_new_privileges = false;
    bool no_root = false;
    bool has_units = false;
    bool launched = false;
    bool propagate_stop_exit = false;
    std::uint32_t stop_timeout_ms = 90'000;
    std::uint32_t max_units = 0;
    std::string target;

    friend bool operator==(const GuestInput&, const GuestInput&) = default;
};

/// A unit that was left out of the plan because of a mistake.
struct RejectedInput {
    std::string name;
    std::string message;

    friend bool operator==(const RejectedInput&, const RejectedInput&) = default;
};

struct PlanInput {
    std::vector<UnitInput> units;
    /// Only a launcher's plan has one.
    std::optional<GuestInput> guest;
    std::vector<std::string> notices;
    std::vector<RejectedInput> rejected;
    /// Further names of units, each with the unit's own.
    std::vector<std::pair<std::string, std::string>> aliases;

    friend bool operator==(const PlanInput&, const PlanInput&) = default;
};

/// The image of `input`, which `Plan::open` accepts. Equal strings and lists are stored once. The
/// same input gives the same bytes. An Error is a mistake of the caller's: a value that `compile`
/// should have refused (a duplicate name, a cycle, a NUL in a string, a list over its limit); its
/// operation says what, its subject names the unit.
Result<std::vector<std::byte>> write(const PlanInput& input);

} // namespace stead::plan
