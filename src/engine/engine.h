#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/time.h"
#include "model/state.h"
#include "model/unit.h"

/// The supervisor as a pure function of state, event and time. It decides what happens to units; it
/// never reads a clock, logs, allocates after `create`, or calls the system. Time comes in as an
/// argument, wishes go out as actions.
namespace stead::engine {

enum class EventKind : std::uint8_t {
    /// Start the target's (default: every enabled) units.
    Boot,
    /// By hand, for `Event::unit`.
    Start,
    Stop,
    Restart,
    Reload,
    /// The guest is to end: `end`, `value` = exit code. A second one hurries, a third kills at
    /// once.
    Shutdown,
    /// The process of `role` exists (it may not have reached its program yet).
    Spawned,
    /// The process of `role` runs its program.
    Executed,
    /// No process of `role` came to run: `stage`, `error`. It has been reaped, no Exited follows.
    SpawnFailed,
    /// The process of `role` ended with `status`, after it was reaped.
    Exited,
    /// No process of the unit is left.
    Emptied,
    /// READY=1, a line on the descriptor, or a probe that succeeded.
    Ready,
    /// RELOADING=1 and STOPPING=1.
    Reloading,
    Stopping,
    /// WATCHDOG=1; WATCHDOG=trigger.
    WatchdogPing,
    WatchdogTrigger,
    /// EXTEND_TIMEOUT_USEC: `value` milliseconds from now.
    ExtendTimeout,
    /// A condition of the unit does not hold: it counts as up without running.
    Skipped,
    /// The kernel's OOM killer ended a process of the unit.
    OomKilled,
    /// A deadline may have passed.
    Tick
};

struct Event {
    EventKind kind = EventKind::Tick;
    CommandRole role = CommandRole::Main;
    SpawnStage stage = SpawnStage::None;
    EndKind end = EndKind::Exit;
    ExitStatus status;
    UnitId unit = kNoUnit;
    std::int32_t error = 0;
    std::uint32_t value = 0;
};

enum class ActionKind : std::uint8_t {
    /// Run command `index` of `role` of `unit`. Answered by Spawned or SpawnFailed, then Executed,
    /// then Exited.
    Spawn,
    /// Send `signal` to the main process (`Scope::Main`), or to every process of the unit
    /// (`Scope::All`), or to the
    /// process of `role` (`Scope::Command`). After a signal that stops, the caller sends CONT as
    /// well.
    Signal,
    /// Kill every process of the unit; Emptied answers.
    KillAll,
    /// Make the unit's readiness probe once (tcp, unix, path; exec probes come as Spawn); Ready
    /// answers if it holds.
    Probe,
    /// The unit has come to rest: release its pipes, sockets and cgroup.
    Release,
    /// Its visible state or reason changed: waiters and `status` want to know.
    Changed,
    /// Every unit has ended: leave with `end` and exit code `value`.
    End
};

enum class Scope : std::uint8_t { Main, All, Command };

struct Action {
    ActionKind kind = ActionKind::Changed;
    CommandRole role = CommandRole::Main;
    Scope scope = Scope::Main;
    EndKind end = EndKind::Exit;
    UnitId unit = kNoUnit;
    std::uint16_t index = 0;
    std::int32_t signal = 0;
    std::int32_t value = 0;
};

/// What the engine remembers of one unit; see service.h for its phases. Trivially copyable, so that
/// PID 1 can keep all of them in a page that outlives its own crash.
struct UnitRuntime;

/// What people and waiters see of a unit.
struct UnitView {
    UnitState state = UnitState::Down;
    Reason reason;
    /// When it came into this state.
    Instant since;
    /// How often it was started again by itself since it was last started by hand.
    std::uint32_t restarts = 0;
    /// Backoff: when the next attempt is due.
    Instant next_attempt = Instant::never();
};

/// The supervisor of one guest. Memory comes from the caller (`required_memory` bytes, 16-byte
/// aligned, zeroed); the graph must outlive it and has been validated (plan::Plan does): every
/// index is in range and no cycle is left.
class Engine {
public:
    static std::size_t required_memory(const UnitGraph& graph);

    /// `seed` drives the jitter of restart delays, and nothing else.
    Engine(const UnitGraph& graph,
           std::span<std::byte> memory,
           std::uint64_t seed,
           Duration stop_budget);

    /// Takes in one event. Actions it causes wait for `next`.
    void handle(const Event& event, Instant now);
    /// The next thing to do, oldest first; false when there is none. Call until false after each
    /// `handle`.
    bool next(Action& action);
    /// When to send Tick at the latest.
    [[nodiscard]] Instant deadline() const;

    [[nodiscard]] UnitView view(UnitId unit) const;
    /// A request by hand has come to its end: up, done, failed or down, with nothing pending.
    [[nodiscard]] bool settled(UnitId unit) const;
    /// Every wanted unit is up, done or failed for good: the guest has started.
    [[nodiscard]] bool boot_settled() const;
    [[nodiscard]] bool shutting_down() const;
};

} // namespace stead::engine
