#pragma once

#include <cstdint>

#include "model/exit_status.h"
#include "model/names.h"

namespace stead {

/// The states of a unit that people see (`stead status`). The engine's finer phases map onto these.
enum class UnitState : std::uint8_t {
    Down,
    /// Wanted, but something it needs is not up yet.
    Waiting,
    Starting,
    Up,
    Stopping,
    /// Ended, waits for its restart delay.
    Backoff,
    Failed,
    /// A oneshot that ended well and stays "up" by remain-after-exit, or ended well without it.
    Done
};

/// Why a unit is in the state it is in. With `Reason` a person gets a sentence, see cli.
enum class ReasonKind : std::uint8_t {
    None,
    /// Never started in this life of the guest.
    NotStarted,
    NotEnabled,
    ByHand,
    Boot,
    Shutdown,
    /// Waits for, or failed because of, `Reason::unit`.
    Dependency,
    Conflict,
    /// The main process ended: see `status`.
    Exited,
    /// A hook or command ended badly: see `role` and `status`.
    CommandFailed,
    /// The child could not become the program: see `stage` and `error`.
    SpawnFailed,
    StartTimeout,
    StopTimeout,
    Watchdog,
    Health,
    OomKill,
    StartLimit,
    /// READY never came before the end.
    EndedBeforeReady,
    ConditionNotMet,
    BoundUnitStopped,
    /// Was started only for units that have ended since.
    NotNeeded
};

/// Where a child failed between clone and exec; the order in which they happen. Sent up the error
/// pipe as
/// `{stage, errno}`.
enum class SpawnStage : std::uint8_t {
    None,
    Clone,
    Cgroup,
    Session,
    Terminal,
    Descriptors,
    Limits,
    OomScore,
    Scheduling,
    Namespaces,
    Files,
    Directories,
    Credentials,
    Groups,
    Group,
    CapabilityBounding,
    User,
    Capabilities,
    WorkingDirectory,
    NoNewPrivileges,
    Landlock,
    Filter,
    Signals,
    Exec,
    /// What the unit listens on could not be opened; PID 1 does that itself, before the clone.
    Sockets
};

struct Reason {
    ReasonKind kind = ReasonKind::None;
    SpawnStage stage = SpawnStage::None;
    /// A CommandRole, for CommandFailed and SpawnFailed.
    std::uint8_t role = 0;
    ExitStatus status{};
    /// The other unit, for Dependency, Conflict, BoundUnitStopped.
    UnitId unit = kNoUnit;
    std::int32_t error = 0;

    friend constexpr bool operator==(const Reason&, const Reason&) = default;
};

/// How a guest ends.
enum class EndKind : std::uint8_t { Exit, Poweroff, Reboot, Halt };

} // namespace stead
