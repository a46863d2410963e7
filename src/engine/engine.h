#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/time.h"
#include "model/state.h"
#include "model/unit.h"

/// The supervisor as a pure function of state, event and time. It decides what happens to units; it
/// never reads a clock, logs, allocates after `create`, or calls the system. Time comes in as an
/// argument, wishes go out as actions. service.h explains the machine.
namespace stead::engine {

enum class EventKind : std::uint8_t {
    /// Start `unit` (the boot target) or, with kNoUnit, every enabled unit. Sent once.
    Boot,
    /// By hand, for `Event::unit`. Refused (nothing happens) while the guest shuts down.
    Start,
    Stop,
    Restart,
    Reload,
    /// The guest is to end: `end`, `value` = exit code. A second one hurries, a third kills at
    /// once.
    Shutdown,
    /// The process of `role` exists (it may not have reached its program yet). This and the next
    /// three carry the `ticket` of the Spawn that they answer; others are ignored as stale.
    Spawned,
    /// The process of `role` runs its program.
    Executed,
    /// No process of `role` came to run: `stage`, `error`. It has been reaped, no Exited follows.
    SpawnFailed,
    /// The process of `role` ended with `status`, after it was reaped.
    Exited,
    /// Looked up just now: no process of the unit is left. Sent after the Exited of its last known
    /// process when nothing else is left, whenever its cgroup becomes empty, and in answer to
    /// KillAll and to a Signal with Scope::All that finds nobody. One too many does no harm.
    Emptied,
    /// READY=1, a line on the descriptor, or a probe that succeeded. For a forking unit: its main
    /// process was found; its end is reported as that of Main, with the same ticket.
    Ready,
    /// RELOADING=1 and STOPPING=1. Reloading carries in `value` how many milliseconds ago it was
    /// said (MONOTONIC_USEC): what is older than a reload is not its answer.
    Reloading,
    Stopping,
    /// WATCHDOG=1 and WATCHDOG=trigger.
    WatchdogPing,
    WatchdogTrigger,
    /// EXTEND_TIMEOUT_USEC: `value` milliseconds from now.
    ExtendTimeout,
    /// Instead of Spawned: a condition of the unit does not hold, it counts as up without running.
    /// With `value` kServesConnections: it is up without a process, because each connection gets
    /// one.
    Skipped,
    /// The kernel's OOM killer ended a process of the unit. Best sent before its Exited.
    OomKilled,
    /// A health probe that was made with Probe holds.
    Healthy,
    /// The graph is another one (Engine::transfer): units that are new in it and enabled start, if
    /// `value` is 1, and so does `unit`, if it is new; what units that run need now starts, what
    /// nobody needs any more stops.
    Reloaded,
    /// A deadline may have passed.
    Tick
};

/// Event::value of Skipped.
inline constexpr std::uint32_t kServesConnections = 1;

struct Event {
    EventKind kind = EventKind::Tick;
    CommandRole role = CommandRole::Main;
    SpawnStage stage = SpawnStage::None;
    EndKind end = EndKind::Exit;
    ExitStatus status{};
    UnitId unit = kNoUnit;
    std::int32_t error = 0;
    std::uint32_t value = 0;
    std::uint32_t ticket = 0;
};

enum class ActionKind : std::uint8_t {
    /// Run command `index` of `role` of `unit`. Answered by Spawned or SpawnFailed (or Skipped),
    /// then
    /// Executed, then Exited, each with this action's `ticket`.
    Spawn,
    /// Send `signal` to the main process (`Scope::Main`), or to every process of the unit
    /// (`Scope::All`), or to the process of `role` (`Scope::Command`). The caller sends CONT right
    /// after it, so that a stopped process can obey.
    Signal,
    /// Kill every process of the unit; Emptied answers. Repeated until it does.
    KillAll,
    /// Make the probe of `role` once (tcp, unix, path, pid file; exec probes come as Spawn). If it
    /// holds Ready answers, for a health probe Healthy.
    Probe,
    /// The unit has come to rest: release its pipes, sockets and cgroup.
    Release,
    /// Its visible state or reason changed: waiters and `status` want to know.
    Changed,
    /// Every unit has ended, or the time for it is over: leave with `end` and exit code `value`.
    /// The
    /// last action; `unit` is the first one that is still alive (a hung file system), or kNoUnit.
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
    std::uint32_t ticket = 0;
};

/// What the engine remembers of one unit; see service.h for its phases. Trivially copyable, so that
/// PID 1 can keep all of them in a page that outlives its own crash.
struct UnitRuntime;

/// The moments of a unit's first start in the life of its guest; zero: it has not come. A target
/// has no Starting. `Over` is when the unit first was on its way down, failed, or was to be tried
/// again.
enum class Moment : std::uint8_t { Starting, Up, Over };
using Moments = std::array<Instant, 3>;

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
    /// The unit whose [on] outcome started it.
    UnitId trigger = kNoUnit;
    Moments moments{};
};

struct Settings {
    /// Drives the jitter of restart delays, and nothing else.
    std::uint64_t seed = 0;
    /// How long an orderly shutdown may take in all.
    Duration stop_budget = Duration{90'000'000'000};
    /// After an ordered stop the guest's exit code is that of its essential unit, instead of 0.
    bool propagate_stop_exit = false;
};

/// The supervisor of one guest. All its state lies in `memory` of the caller (`required_memory`
/// bytes, 16-byte aligned), holds no pointer, and may be mapped elsewhere later (`resume`); an
/// Engine itself is a view and owns nothing. The graph must outlive it and has been validated
/// (plan::Plan does): every index is in range and no cycle is left.
class Engine {
public:
    static std::size_t required_memory(const UnitGraph& graph);

    /// Starts afresh: every unit is down. Nothing happens before Boot or a Start.
    Engine(const UnitGraph& graph, std::span<std::byte> memory, const Settings& settings);

    /// Goes on with the state that an engine for the same graph left in `memory`, at whatever
    /// instruction it was stopped: the event that it was told last has been taken in whole, or is
    /// now. Nothing if it is not such a state, or one that somebody has changed.
    static std::optional<Engine> resume(const UnitGraph& graph, std::span<std::byte> memory);
    /// The same, out of the state that another version left in `old` between two events. `memory`
    /// is a different stretch.
    static std::optional<Engine>
    resume(const UnitGraph& graph, std::span<std::byte> memory, std::span<const std::byte> old);

    /// Takes in one event. Actions it causes wait for `next`. `now` never runs backwards.
    void handle(const Event& event, Instant now);
    /// The next thing to do, oldest first; false when there is none. Call until false after each
    /// `handle`.
    bool next(Action& action);

    /// Makes `memory` the state of `graph` out of this one, whose unit N becomes unit `to[N]`;
    /// kNoUnit: it is gone, and was at rest. Units with a `previous` description in `graph` run as
    /// that says until their next start. Call it when `next` has given nothing; Reloaded is to
    /// follow. False if the state is none. This engine's memory stays as it is.
    bool
    transfer(const UnitGraph& graph, std::span<std::byte> memory, std::span<const UnitId> to) const;

    // For whoever resumes.

    /// The action that `next` gave last, until `next` is called again: it may have been carried out
    /// or not.
    bool find_intent(Action& action) const;
    /// Whether the process that the Spawn `action` asked for has not been heard of.
    [[nodiscard]] bool expects(const Action& action) const;
    /// Counts the events that were told: one that is counted is never lost and never taken in
    /// twice.
    [[nodiscard]] std::uint32_t events() const;
    /// The part of `memory` that only large events use, and whether the last one did. What it holds
    /// may go between two calls.
    std::span<std::byte> idle_memory();
    [[nodiscard]] bool uses_idle_memory() const;

    /// When to send Tick at the latest.
    [[nodiscard]] Instant deadline() const;

    [[nodiscard]] UnitView view(UnitId unit) const;
    /// A request by hand has come to its end: up, done, failed or down, with nothing pending.
    [[nodiscard]] bool settled(UnitId unit) const;
    /// Every wanted unit is up, done or failed for good: the guest has started.
    [[nodiscard]] bool boot_settled() const;
    [[nodiscard]] bool shutting_down() const;
    /// Has no process and no wish for one.
    [[nodiscard]] bool at_rest(UnitId unit) const;
    /// Runs, or has run last, as UnitGraph::previous describes it.
    [[nodiscard]] bool is_previous(UnitId unit) const;
    /// Between its first hook and its last: what a reload must not change under it.
    [[nodiscard]] bool is_running(UnitId unit) const;

private:
    Engine(const UnitGraph& graph, std::byte* memory)
        : graph_(graph)
        , memory_(memory) {}

    UnitGraph graph_;
    std::byte* memory_;
};

} // namespace stead::engine
