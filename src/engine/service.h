#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "base/time.h"
#include "engine/engine.h"
#include "model/state.h"
#include "model/unit.h"

/// The machine of one unit.
///
/// A unit is *wanted* when somebody asked for it: a person, the boot, another unit that needs it.
/// Down, Failed and Done are the phases of rest; from there a start leads to Waiting, where a unit
/// stays until what it requires is up, what it wants or comes after is no longer on its way, and
/// what it excludes is gone. Then its pre-start hooks run one by one (PreStart), its program is
/// spawned (Launching) and has become the program (Starting), shows that it is ready by whatever
/// means it has, runs its post-start hooks (PostStart) and is Up. A program without a way to show
/// readiness is ready once it runs; a oneshot once it has ended well; a target has no process and
/// is up as soon as it may start.
///
/// A stop first waits until whoever depends on the unit and leaves too is gone (Held, without a
/// deadline of its own: that is theirs). A unit that was up then gets its pre-stop hooks (PreStop)
/// and its stop command (StopCommand); then come the steps of its schedule (StopSignal), and at
/// last everything is killed (Killing), once a second until nothing is left. Post-stop hooks run
/// after every end, whatever it was (PostStop), and what they leave behind is killed too
/// (Sweeping). Kill mode `process` looks at the main process alone, in all of this.
///
/// A unit that ends by itself takes the same way from StopSignal on: what its main process left
/// behind gets the schedule. At the end of that way the unit goes to rest, or back to Waiting where
/// a restart was asked for, or, if its policy says so, to Backoff and from there to Waiting. The
/// delay counts from the end of the main process and grows by a factor up to a limit; a run that
/// was up for long enough resets it. More restarts than the burst allows within the sliding
/// interval make the unit fail; a start by hand forgets all that. What cannot be executed is not
/// tried again (but by `always`), unless the error is one that passes, such as a lack of processes:
/// that is tried again without end and does not count.
///
/// A forking unit's first process ends well before the unit is ready: with a pid file the process
/// named there is the main process from then on, without one the unit has no main process and lives
/// as long as any process of it.
///
/// While it is up, a unit with a health check is probed once per interval. A probe that says no, or
/// nothing within its timeout, has failed; as many in a row as the threshold make the unit ill:
/// `restart` ends the run as a failure that every policy answers with a restart, counted like any
/// other; `stop` stops the unit, `shutdown` ends the guest, `none` only says so. A probe that holds
/// starts the count anew. When the kernel has killed a process for want of memory, the unit stops
/// (`stop`), is killed as a whole (`kill`), or goes on unless it was the main process (`continue`).
///
/// A reload by signal is over at once, unless the unit notifies of it (kReloadNotifies): then it is
/// Reloading from the signal on, and Up again after its RELOADING=1 and a READY=1 behind it. One
/// that reloads by its own choice says the same.
///
/// What a unit's end means to others: `binds-to` dependents stop when it ends, whatever its end
/// was, and come back when it comes up again; `requires` dependents fail if it does not come up,
/// stop when it is stopped, go along with a restart by hand or of mode `normal`, and are left alone
/// by any other; `part-of` dependents do the same but for the start. A unit that was pulled in only
/// is stopped with its last holder.
///
/// Every phase but the phases of rest, Up, Waiting and Held has a deadline. Events of a process
/// carry its ticket; those of any earlier process change nothing, in any phase, nor does anything
/// the table shows as a dot. "Emptied" counts only when no known process is left.
///
/// The table shows where each event leads a unit with a dependency that is not up (from Waiting),
/// up (from PreStart on) or gone again (from rest); of type notify (Done: oneshot), with one
/// command in every list, restart on-failure, and two steps in its stop schedule. "hook": the
/// command of the phase ends; "exit": its main process; "failed": its process could not be run (of
/// those that the phase has); "deadline": that of the phase. A dot: the phase stays. "Killing-" is
/// Killing after the end of the main process. Ping, extend and healthy move deadlines only;
/// Skipped, in place of Spawned, leads from PreStart and Launching to Up. A test reads this table
/// and tries each cell.
///
/// | phase       | start stop restart reload executed failed exit-0 exit-1 hook-0 hook-1
/// | Down        | Wt    .    Wt      .      .        .      .      .      .      .
/// | Waiting     | .     Dn   .       .      .        .      .      .      .      .
/// | PreStart    | .     SS   .       .      .        Ki     .      .      La     Ki
/// | Launching   | .     SS   .       .      St       Ki     Ki     Ki     .      .
/// | Starting    | .     SS   SS      .      .        Ki     SS     SS     .      .
/// | PostStart   | .     SS   SS      .      .        SS     SS     SS     Up     SS
/// | Up          | .     Pp   Pp      Re     .        Ki     SS     SS     .      .
/// | Reloading   | .     Pp   Pp      .      .        Up     SS     SS     Up     Up
/// | Held        | .     .    .       .      .        .      .      .      .      .
/// | PreStop     | .     .    .       .      .        SC     .      .      SC     SC
/// | StopCommand | .     .    .       .      .        SS     .      .      SS     SS
/// | StopSignal  | .     .    .       .      .        Ki     .      .      .      .
/// | StopSignal- | .     .    .       .      .        .      .      .      .      .
/// | Killing     | .     .    .       .      .        .      .      .      .      .
/// | Killing-    | .     .    .       .      .        .      .      .      .      .
/// | PostStop    | .     .    .       .      .        Sw     .      .      Sw     Sw
/// | Sweeping    | .     .    .       .      .        .      .      .      .      .
/// | Backoff     | PS    Dn   PS      .      .        .      .      .      .      .
/// | Failed      | Wt    .    Wt      .      .        .      .      .      .      .
/// | Done        | Wt    .    Wt      .      .        .      .      .      .      .
///
/// | phase       | emptied ready reloading stopping watchdog oom deadline shutdown
/// | Down        | .       .     .         .        .        .   .        .
/// | Waiting     | .       .     .         .        .        .   .        Dn
/// | PreStart    | .       .     .         .        .        .   Ki       SS
/// | Launching   | .       .     .         .        .        SS  SS       SS
/// | Starting    | .       Po    .         SS       SS       SS  SS       SS
/// | PostStart   | .       .     .         SS       SS       SS  SS       SS
/// | Up          | .       .     Re        SS       SS       SS  .        Pp
/// | Reloading   | .       .     .         SS       SS       SS  Up       Pp
/// | Held        | .       .     .         .        .        .   .        .
/// | PreStop     | .       .     .         .        .        .   SC       .
/// | StopCommand | .       .     .         .        .        .   SS       .
/// | StopSignal  | .       .     .         .        .        .   .        .
/// | StopSignal- | Pt      .     .         .        .        .   .        .
/// | Killing     | .       .     .         .        .        .   .        .
/// | Killing-    | Pt      .     .         .        .        .   .        .
/// | PostStop    | .       .     .         .        .        .   Sw       .
/// | Sweeping    | Dn      .     .         .        .        .   .        .
/// | Backoff     | .       .     .         .        .        .   PS       Dn
/// | Failed      | .       .     .         .        .        .   .        .
/// | Done        | .       .     .         .        .        .   .        .
namespace stead::engine {

enum class Phase : std::uint8_t {
    Down,
    Waiting,
    PreStart,
    Launching,
    Starting,
    PostStart,
    Up,
    Reloading,
    Held,
    PreStop,
    StopCommand,
    StopSignal,
    Killing,
    PostStop,
    Sweeping,
    Backoff,
    Failed,
    Done
};
inline constexpr std::size_t kPhases = 18;

/// How a run ended, as restart policies tell ends apart.
enum class Result : std::uint8_t {
    None,
    Success,
    ExitCode,
    Signal,
    Timeout,
    Watchdog,
    OomKill,
    /// The program could not be run, and trying again soon may help (no memory, too many
    /// processes).
    TransientSpawn,
    Spawn,
    Dependency,
    /// Its health check failed too often.
    Health
};

/// What the engine knows of one process: nothing, asked for, or born.
enum class Slot : std::uint8_t { Empty, Asked, Alive };

/// Bits of UnitRuntime::flags.
namespace flag {
/// It is to run; without it nothing is ever spawned but the hooks of its stop.
inline constexpr std::uint32_t kWanted = 1U << 0U;
/// Wanted for itself (by hand, at boot, by an outcome), not only for its dependents.
inline constexpr std::uint32_t kRoot = 1U << 1U;
/// Stops now in order to start again.
inline constexpr std::uint32_t kAgain = 1U << 2U;
/// Went down along with a unit and comes back with it.
inline constexpr std::uint32_t kReturn = 1U << 3U;
/// Counts among the holders of what it needs.
inline constexpr std::uint32_t kHolding = 1U << 4U;
/// A stop was asked for and waits in the work queue.
inline constexpr std::uint32_t kStopAsked = 1U << 5U;
/// Something it requires may have failed; looked at when its turn comes.
inline constexpr std::uint32_t kDependencyLost = 1U << 6U;
/// In the work queue; in the list of units with actions.
inline constexpr std::uint32_t kQueued = 1U << 7U;
inline constexpr std::uint32_t kListed = 1U << 8U;
/// Was admitted and still has to bring what it needs along.
inline constexpr std::uint32_t kPulling = 1U << 9U;
/// Runs as UnitGraph::previous describes it, until its next start.
inline constexpr std::uint32_t kPrevious = 1U << 14U;
/// The reload brought it, or took its last holder away.
inline constexpr std::uint32_t kReloaded = 1U << 15U;

// What follows belongs to one run and is cleared when it is over.
inline constexpr std::uint32_t kRan = 1U << 16U;
inline constexpr std::uint32_t kCameUp = 1U << 17U;
inline constexpr std::uint32_t kReadySeen = 1U << 18U;
inline constexpr std::uint32_t kSkipped = 1U << 19U;
inline constexpr std::uint32_t kOomSeen = 1U << 20U;
inline constexpr std::uint32_t kStopTimedOut = 1U << 21U;
/// A health probe has been made and not been answered.
inline constexpr std::uint32_t kHealthAsked = 1U << 22U;
/// Reloading: the unit has said itself that it does.
inline constexpr std::uint32_t kReloadSeen = 1U << 23U;
inline constexpr std::uint32_t kRunMask = 0xffff0000U;
} // namespace flag

/// Bits of UnitRuntime::pending: actions not handed out yet, in the order in which they are.
namespace pending {
inline constexpr std::uint16_t kSignal = 1U << 0U;
inline constexpr std::uint16_t kHangup = 1U << 1U;
inline constexpr std::uint16_t kKillCommand = 1U << 2U;
inline constexpr std::uint16_t kKillProbe = 1U << 3U;
inline constexpr std::uint16_t kKillMain = 1U << 4U;
inline constexpr std::uint16_t kKillAll = 1U << 5U;
inline constexpr std::uint16_t kRelease = 1U << 6U;
inline constexpr std::uint16_t kSpawn = 1U << 7U;
inline constexpr std::uint16_t kSpawnProbe = 1U << 8U;
inline constexpr std::uint16_t kProbe = 1U << 9U;
inline constexpr std::uint16_t kChanged = 1U << 10U;
} // namespace pending

/// UnitRuntime::step before the first step of the stop schedule: something else than a signal of
/// the schedule made the unit stop.
inline constexpr std::uint8_t kBeforeSchedule = 0xff;
inline constexpr std::uint16_t kNoIndex = 0xffff;

/// One unit's state. Trivially copyable and without pointers.
struct UnitRuntime {
    /// The phase's own deadline; the next probe or the end of the watchdog's patience.
    Instant deadline = Instant::never();
    Instant alarm = Instant::never();
    /// Up: the next health probe, or the end of the patience with the present one.
    Instant health_at = Instant::never();
    Instant since;
    /// When it last came up, when its main process last ended, when it was last restarted.
    Instant up_since;
    Instant ended_at;
    Instant restarted_at;

    Reason reason;
    std::uint32_t flags = 0;
    std::uint32_t tickets = 0;
    std::uint32_t main_ticket = 0;
    std::uint32_t command_ticket = 0;
    std::uint32_t probe_ticket = 0;
    /// Where the search among its edges goes on (see graph.cpp).
    std::uint32_t cursor = 0;
    std::uint32_t delay_ms = 0;
    std::uint32_t restarts = 0;
    /// Its stamps of recent restarts: a slice of the table of stamps.
    std::uint32_t first_stamp = 0;
    std::uint32_t restarts_in_group = 0;
    /// The Moments of its first start: microseconds after GuestRuntime::booted_at, at least 1 and
    /// at most what fits; 0: not yet.
    std::array<std::uint32_t, 3> moments{};

    std::uint16_t pending = 0;
    /// How many units hold it up.
    std::uint16_t holders = 0;
    UnitId waits_for = kNoUnit;
    UnitId trigger = kNoUnit;
    UnitId next_queued = kNoUnit;
    UnitId next_listed = kNoUnit;
    UnitId next_pulling = kNoUnit;
    std::uint16_t heap_index = kNoIndex;
    ExitStatus last_status;
    std::uint8_t stamps = 0;
    std::uint8_t stamp_capacity = 0;

    Phase phase = Phase::Down;
    Result result = Result::None;
    Slot main = Slot::Empty;
    Slot command = Slot::Empty;
    Slot probe = Slot::Empty;
    CommandRole command_role = CommandRole::Main;
    /// Which command of the present hook list runs; which step of the stop schedule is in force.
    std::uint8_t hook = 0;
    std::uint8_t step = 0;
    /// Of the signal and the process that wait in `pending`.
    std::uint8_t signal = 0;
    Scope scope = Scope::Main;
    CommandRole spawn_role = CommandRole::Main;
    CommandRole probe_role = CommandRole::ReadyProbe;
    /// Failed health probes in a row.
    std::uint8_t health_failures = 0;

    [[nodiscard]] bool has(std::uint32_t bits) const { return (flags & bits) != 0; }
};

static_assert(std::is_trivially_copyable_v<UnitRuntime>);

/// No process, no wish: the unit stays as it is until somebody asks.
constexpr bool is_at_rest(Phase phase) {
    return phase == Phase::Down || phase == Phase::Failed || phase == Phase::Done;
}

/// Between the first hook and up.
constexpr bool is_starting(Phase phase) {
    return phase >= Phase::PreStart && phase <= Phase::PostStart;
}

constexpr bool is_up(Phase phase) {
    return phase == Phase::Up || phase == Phase::Reloading;
}

constexpr bool is_stopping(Phase phase) {
    return phase >= Phase::Held && phase <= Phase::Sweeping;
}

/// Others that are ordered after its end have to wait for it.
constexpr bool is_active(Phase phase) {
    return is_starting(phase) || is_up(phase) || is_stopping(phase);
}

/// The phase as people see it (a oneshot that stays up is shown as done, see Engine::view).
constexpr UnitState visible_state(Phase phase) {
    switch (phase) {
    case Phase::Down:
        return UnitState::Down;
    case Phase::Waiting:
        return UnitState::Waiting;
    case Phase::PreStart:
    case Phase::Launching:
    case Phase::Starting:
    case Phase::PostStart:
        return UnitState::Starting;
    case Phase::Up:
    case Phase::Reloading:
        return UnitState::Up;
    case Phase::Held:
    case Phase::PreStop:
    case Phase::StopCommand:
    case Phase::StopSignal:
    case Phase::Killing:
    case Phase::PostStop:
    case Phase::Sweeping:
        return UnitState::Stopping;
    case Phase::Backoff:
        return UnitState::Backoff;
    case Phase::Failed:
        return UnitState::Failed;
    case Phase::Done:
        return UnitState::Done;
    }
    return UnitState::Down;
}

} // namespace stead::engine
