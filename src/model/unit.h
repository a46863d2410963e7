#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "model/names.h"

namespace stead {

enum class UnitType : std::uint8_t { Exec, Notify, NotifyFd, Forking, Oneshot, Target };

enum class RestartPolicy : std::uint8_t {
    No,
    OnSuccess,
    OnFailure,
    OnAbnormal,
    OnWatchdog,
    Always
};

/// Whether dependents stay up when a unit is restarted, or go along.
enum class RestartMode : std::uint8_t { Direct, Normal };

enum class KillMode : std::uint8_t { ControlGroup, Mixed, Process };

enum class ExitType : std::uint8_t { Main, Cgroup };

/// How a unit shows that it is up. `None`: it is up as soon as its program runs (oneshot: has
/// ended).
enum class ReadyKind : std::uint8_t { None, Notify, Fd, PidFile, Tcp, Unix, Path, Exec, Http };

/// Whose notify messages count.
enum class NotifyAccess : std::uint8_t { Main, Exec, All };

/// What a unit's final end does to its guest.
enum class OutcomeAction : std::uint8_t { None, Exit, Shutdown, Reboot, StartUnit };

enum class EssentialStop : std::uint8_t { Stay, Exit };

/// What follows when the kernel has killed a process of the unit for want of memory.
enum class OomPolicy : std::uint8_t { Stop, Continue, Kill };

/// What is done with a unit whose health check has failed too often.
enum class HealthAction : std::uint8_t { Restart, Stop, Shutdown, None };

/// What the guest's exit code makes of the unit's: `from` becomes `to`.
struct CodeChange {
    std::uint8_t from = 0;
    std::uint8_t to = 0;

    friend constexpr bool operator==(const CodeChange&, const CodeChange&) = default;
};

inline constexpr std::size_t kMaxCodeChanges = 8;

/// `Before` of a unit file does not appear here: it is the other unit's `After`.
/// Requires, BindsTo and Wants include order (start after the target is up, stop before it).
enum class DependencyKind : std::uint8_t { Requires, BindsTo, Wants, After, Conflicts, PartOf };

/// One edge of the unit graph: its owner needs, follows or excludes `target`.
struct Dependency {
    UnitId target = kNoUnit;
    DependencyKind kind = DependencyKind::After;
    /// Zero; keeps the record's size explicit, it lies in plan images.
    std::uint8_t reserved = 0;

    friend constexpr bool operator==(const Dependency&, const Dependency&) = default;
};

static_assert(sizeof(Dependency) == 4);

/// One step of a stop: send `signal`, wait up to `wait_ms` for the end, go to the next step.
/// After the last step what is left is killed.
struct StopStep {
    std::uint32_t wait_ms = 0; // kForever: wait without limit
    std::uint8_t signal = 0;
    std::array<std::uint8_t, 3> reserved{};

    friend constexpr bool operator==(const StopStep&, const StopStep&) = default;
};

inline constexpr std::size_t kMaxStopSteps = 6;
/// "infinity" of a time in milliseconds.
inline constexpr std::uint32_t kForever = 0xffffffff;

/// The processes of a unit, by what they are for.
enum class CommandRole : std::uint8_t {
    PreStart,
    Main,
    PostStart,
    Reload,
    PreStop,
    /// The unit's own `stop.command`, run instead of the first signal.
    Stop,
    PostStop,
    ReadyProbe,
    HealthProbe
};
inline constexpr std::size_t kCommandRoles = 9;

/// A set of exit codes and signals.
struct ExitSet {
    std::array<std::uint64_t, 4> codes{};
    std::uint64_t signals = 0;

    friend constexpr bool operator==(const ExitSet&, const ExitSet&) = default;

    [[nodiscard]] constexpr bool has_code(std::uint8_t code) const {
        return (codes[code / 64] >> (code % 64) & 1) != 0;
    }

    [[nodiscard]] constexpr bool has_signal(std::uint8_t signal) const {
        return signal < 64 && (signals >> signal & 1) != 0;
    }

    constexpr void add_code(std::uint8_t code) {
        codes[code / 64] |= std::uint64_t{1} << (code % 64);
    }

    constexpr void add_signal(std::uint8_t signal) {
        if (signal < 64) signals |= std::uint64_t{1} << signal;
    }
};

/// Bits of UnitPolicy::traits. OnDemand: the boot does not start the unit; a timer or the first
/// connection does, as a Start.
inline constexpr std::uint16_t kOnDemand = 1U << 0U;
/// ReloadNotifies: after the signal of a reload the unit says RELOADING=1 and, when it is done,
/// READY=1; the reload lasts that long.
inline constexpr std::uint16_t kReloadNotifies = 1U << 1U;
inline constexpr std::uint16_t kPolicyTraits = kOnDemand | kReloadNotifies;

/// Everything the engine needs to know about one unit: what to start it after, when it counts as
/// up, when to start it again, how to stop it. A plain record of fixed size, because it lies in the
/// plan image as it is; times are milliseconds, kForever is "infinity".
struct UnitPolicy {
    UnitType type = UnitType::Exec;
    ReadyKind ready = ReadyKind::None;
    RestartPolicy restart = RestartPolicy::OnFailure;
    RestartMode restart_mode = RestartMode::Direct;
    KillMode kill_mode = KillMode::ControlGroup;
    ExitType exit_type = ExitType::Main;
    OutcomeAction on_success = OutcomeAction::None;
    OutcomeAction on_failure = OutcomeAction::None;
    OutcomeAction on_limit = OutcomeAction::None;
    EssentialStop essential_stop = EssentialStop::Stay;

    bool enabled = true;
    bool essential = false;
    bool remain_after_exit = true;
    bool send_hup = false;
    /// Which command lists are not empty: bit N is CommandRole N.
    std::uint16_t commands = 0;
    /// Counts of the hook lists: pre-start, post-start, pre-stop, post-stop commands run one by
    /// one.
    std::array<std::uint8_t, kCommandRoles> command_counts{};
    /// The signal of `reload`; 0: reload runs a command, or there is none.
    std::uint8_t reload_signal = 0;
    std::uint8_t watchdog_signal = 6;
    std::uint8_t stop_steps = 0;
    std::array<StopStep, kMaxStopSteps> stop{};

    std::uint32_t start_timeout_ms = 90'000;
    std::uint32_t ready_interval_ms = 500;
    std::uint32_t hook_timeout_ms = 30'000;
    std::uint32_t stop_command_timeout_ms = 10'000;
    std::uint32_t watchdog_ms = 0; // 0: none

    /// The health check: a probe like that of readiness, `None` without one, made while the unit is
    /// up.
    std::uint32_t health_interval_ms = 10'000;
    std::uint32_t health_timeout_ms = 3'000;
    ReadyKind health = ReadyKind::None;
    /// How many probes have to fail in a row.
    std::uint8_t health_threshold = 3;
    HealthAction health_action = HealthAction::Restart;
    OomPolicy oom_policy = OomPolicy::Stop;

    std::uint32_t restart_delay_ms = 500;
    std::uint32_t restart_max_delay_ms = 30'000;
    std::uint32_t restart_factor_permille = 2000;
    std::uint32_t restart_jitter_permille = 100;
    std::uint32_t restart_reset_after_ms = 30'000;
    /// How many restarts `restart_interval_ms` may see before the unit fails; 0 or kForever: no
    /// limit.
    std::uint32_t restart_burst = 10;
    std::uint32_t restart_interval_ms = 300'000;

    /// This unit's slice of the graph's list of edges.
    std::uint32_t first_dependency = 0;
    std::uint32_t dependency_count = 0;

    /// The units that on_success, on_failure and on_limit start.
    std::array<UnitId, 3> outcome_units{kNoUnit, kNoUnit, kNoUnit};
    std::array<CodeChange, kMaxCodeChanges> exit_map{};
    /// How many of `exit_map` are in use.
    std::uint16_t code_changes = 0;
    /// Bits of kPolicyTraits.
    std::uint16_t traits = 0;
    /// Zero; keeps every byte of the record explicit, it lies in plan images.
    std::array<std::uint16_t, 3> reserved{};

    ExitSet success;
    ExitSet prevent;

    friend constexpr bool operator==(const UnitPolicy&, const UnitPolicy&) = default;
};

static_assert(sizeof(UnitPolicy) == 256 && std::has_unique_object_representations_v<UnitPolicy>);

constexpr bool starts_at_boot(const UnitPolicy& policy) {
    return policy.enabled && (policy.traits & kOnDemand) == 0;
}

/// The units of a plan as the engine sees them. Views into the plan image (or, in tests, into
/// vectors).
struct UnitGraph {
    std::span<const UnitPolicy> units;
    std::span<const Dependency> dependencies;
    /// After a reload: for each unit that runs as it was described before, that description; null
    /// for the others. Empty: all null. Dependencies are always those of `units`.
    std::span<const UnitPolicy* const> previous{};

    [[nodiscard]] std::span<const Dependency> dependencies_of(UnitId unit) const {
        const UnitPolicy& policy = units[unit];
        return dependencies.subspan(policy.first_dependency, policy.dependency_count);
    }
};

} // namespace stead
