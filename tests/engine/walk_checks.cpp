#include <algorithm>

#include "walk.h"

/// The engine's promises, as the walk checks them.
namespace stead::engine {

namespace {

bool orders(DependencyKind kind) {
    return kind == DependencyKind::Requires || kind == DependencyKind::BindsTo ||
           kind == DependencyKind::Wants || kind == DependencyKind::After;
}

bool is_hard(DependencyKind kind) {
    return kind == DependencyKind::Requires || kind == DependencyKind::BindsTo;
}

bool is_probe(CommandRole role) {
    return role == CommandRole::ReadyProbe || role == CommandRole::HealthProbe;
}

/// Whether a unit that is ordered after this one has to wait. One that is on its way only since
/// this very moment may have begun after the other was let go: started anew, or no longer needed
/// after a reload. It cannot be told.
bool comes_first(const UnitRuntime& unit, Instant now) {
    const bool starts = unit.phase == Phase::Waiting || is_starting(unit.phase);
    return (starts || is_stopping(unit.phase)) && unit.since < now;
}

} // namespace

void Walk::check_spawn(const Action& action) {
    const UnitId id = action.unit;
    const bool probe = is_probe(action.role);
    const bool main = action.role == CommandRole::Main;
    for (const Child& child : children_) {
        if (child.unit != id) continue;
        const bool same_kind = main    ? child.role == CommandRole::Main
                               : probe ? is_probe(child.role)
                                       : child.role != CommandRole::Main && !is_probe(child.role);
        expect(!same_kind, "never two processes of a kind", id);
    }
    const UnitRuntime& u = core().unit(id);
    const bool starts = main || action.role == CommandRole::PreStart;
    if (starts || action.role == CommandRole::PostStart || probe) {
        expect(u.has(flag::kWanted) && !u.has(flag::kAgain), "only wanted units start", id);
        expect(!engine_->shutting_down(), "nothing starts during a shutdown", id);
        expect(u.phase != Phase::Failed, "nothing starts after it failed", id);
    }
    if (main && core().policy(id).kill_mode != KillMode::Process && worlds_[id].left_behind &&
        !worlds_[id].spared)
        expect(u.has(flag::kRan), "nothing starts beside its own remains", id);
    if (main && core().policy(id).command_counts[0] == 0) check_order(action);
    if (action.role == CommandRole::PreStart && action.index == 0) check_order(action);
}

void Walk::check_probe(const Action& action) {
    const UnitRuntime& u = core().unit(action.unit);
    const bool health = action.role == CommandRole::HealthProbe;
    expect(health ? is_up(u.phase) : u.phase == Phase::Starting, "probes fit the phase",
           action.unit);
}

void Walk::check_order(const Action& action) {
    for (const Dependency& need : graph_.dependencies_of(action.unit)) {
        const UnitRuntime& target = core().unit(need.target);
        if (is_hard(need.kind))
            expect(is_up(target.phase) || target.phase == Phase::Done,
                   "what is required is up first", action.unit);
        else if (orders(need.kind))
            expect(!comes_first(target, now_), "what comes first has come", action.unit);
        else if (need.kind == DependencyKind::Conflicts)
            expect(!is_active(target.phase), "what is excluded is gone", action.unit);
    }
    for (const ReverseEdge& edge : core().owners(action.unit))
        if (edge.kind == DependencyKind::Conflicts)
            expect(!is_active(core().unit(edge.owner).phase), "who excludes it is gone",
                   action.unit);
}

void Walk::check_units() {
    for (UnitId id = 0; id < count(); ++id) {
        check_unit(id);
        check_stop_order(id, worlds_[id].phase);
        check_restarts(id);
        worlds_[id].phase = core().unit(id).phase;
    }
    check_counts();
}

void Walk::check_unit(UnitId id) {
    const UnitRuntime& u = core().unit(id);
    expect(!u.has(flag::kQueued | flag::kListed | flag::kStopAsked | flag::kPulling),
           "an event is dealt with completely", id);
    expect(u.pending == 0, "every action is handed out", id);
    const bool rest = is_at_rest(u.phase);
    const bool waits = u.phase == Phase::Waiting || u.phase == Phase::Held;
    if (rest) {
        expect(!u.has(flag::kWanted | flag::kAgain), "nothing at rest is wanted", id);
        expect(u.main == Slot::Empty || shutting_down(), "nothing at rest has a process", id);
        expect(u.deadline.is_never() && u.alarm.is_never() && u.health_at.is_never(),
               "nothing at rest has a deadline", id);
        expect(!u.has(flag::kHolding), "nothing at rest holds others", id);
    } else if (waits) {
        check_waiting(id);
    } else if (u.phase != Phase::Up) {
        expect(!u.deadline.is_never(), "every other phase has a deadline", id);
    }
    const bool checked = core().policy(id).health != ReadyKind::None && is_up(u.phase) &&
                         !u.has(flag::kSkipped) && core().policy(id).type != UnitType::Target;
    expect(checked == !u.health_at.is_never(), "what has a health check is checked while it is up",
           id);
    expect(!is_up(u.phase) || u.health_failures <= core().policy(id).health_threshold,
           "failed probes are counted", id);
    if (u.phase == Phase::Backoff || is_starting(u.phase))
        expect(u.has(flag::kWanted), "only wanted units are on their way up", id);
    if (u.phase == Phase::Failed)
        expect(u.reason.kind != ReasonKind::None, "a failure has a reason", id);
    if (shutting_down())
        expect(!u.has(flag::kWanted) || ends_ != 0, "a shutdown wants nothing any more", id);
}

void Walk::check_waiting(UnitId id) {
    const UnitRuntime& u = core().unit(id);
    expect(u.waits_for != kNoUnit, "who waits knows for whom", id);
    if (u.waits_for == kNoUnit) return;
    const UnitRuntime& other = core().unit(u.waits_for);
    bool blocked = false;
    if (u.phase == Phase::Held) {
        blocked = is_stopping(other.phase);
    } else {
        for (const Dependency& need : graph_.dependencies_of(id))
            if (need.target == u.waits_for && core().gate(need.kind, need.target) == Gate::Blocked)
                blocked = true;
        for (const ReverseEdge& edge : core().owners(id))
            if (edge.owner == u.waits_for && edge.kind == DependencyKind::Conflicts)
                blocked = blocked || is_active(other.phase);
    }
    expect(blocked, "nobody waits for what has happened", id);
}

void Walk::check_stop_order(UnitId id, Phase before) {
    const UnitRuntime& u = core().unit(id);
    const bool was_running = is_starting(before) || is_up(before) || before == Phase::Held;
    const bool stops = is_stopping(u.phase) && u.phase != Phase::Held;
    const bool ordered = core().guest().stage == Stage::Orderly && u.result == Result::None;
    if (!was_running || !stops || !ordered || u.reason.kind != ReasonKind::Shutdown) return;
    for (const ReverseEdge& edge : core().owners(id))
        if (orders(edge.kind))
            expect(!is_active(core().unit(edge.owner).phase), "dependents stop first", id);
}

void Walk::check_restarts(UnitId id) {
    const UnitRuntime& u = core().unit(id);
    World& world = worlds_[id];
    const bool again = u.restarts == world.restarts + 1;
    if (u.restarts < world.restarts) world.restarted.clear();
    world.restarts = u.restarts;
    const bool other = world.previous != u.has(flag::kPrevious);
    world.previous = u.has(flag::kPrevious);
    if (other) {
        // From here on another limit holds.
        world.restarted.clear();
        world.fresh = world.transient = false;
        return;
    }
    const UnitPolicy& p = core().policy(id);
    const bool counts = again && !world.transient && p.restart_burst != 0;
    if (world.fresh) world.fresh = world.transient = false;
    if (!counts) return;
    world.restarted.push_back(now_);
    const Instant start{now_.ns - std::int64_t{p.restart_interval_ms} * 1'000'000 + 1'000'000};
    const auto recent = std::count_if(world.restarted.begin(), world.restarted.end(),
                                      [&](Instant at) { return at > start; });
    expect(recent <= p.restart_burst, "the burst is respected", id);
}

void Walk::check_counts() {
    const GuestRuntime& guest = core().guest();
    std::uint32_t active = 0;
    std::uint32_t unsettled = 0;
    std::uint32_t timed = 0;
    Instant first = Instant::never();
    std::vector<std::uint32_t> holders(worlds_.size(), 0);
    for (UnitId id = 0; id < count(); ++id) {
        const UnitRuntime& u = core().unit(id);
        active += static_cast<std::uint32_t>(!is_at_rest(u.phase));
        unsettled += static_cast<std::uint32_t>(!is_at_rest(u.phase) && !is_up(u.phase));
        const Instant due = std::min({u.deadline, u.alarm, u.health_at});
        timed += static_cast<std::uint32_t>(!due.is_never());
        first = std::min(first, due);
        if (!u.has(flag::kHolding)) continue;
        for (const Dependency& need : graph_.dependencies_of(id))
            if (is_hard(need.kind) || need.kind == DependencyKind::Wants) ++holders[need.target];
    }
    expect(active == guest.active, "active units are counted");
    expect(unsettled == guest.unsettled, "unsettled units are counted");
    expect(timed == guest.heap_size, "deadlines are kept");
    expect(first == core().heap_top(), "the first deadline is on top");
    for (UnitId id = 0; id < count(); ++id)
        expect(holders[id] == core().unit(id).holders, "holders are counted", id);
}

} // namespace stead::engine
