#include "engine/core.h"

/// What units mean to each other. A unit that waits remembers the one neighbour it waits for and
/// the place in its list of edges where the search goes on; only when that neighbour changes is it
/// looked at again. So a hub with a thousand neighbours costs a thousand looks, not a million.
namespace stead::engine {

namespace {

/// The owner cannot be without its target.
constexpr bool is_hard(DependencyKind kind) {
    return kind == DependencyKind::Requires || kind == DependencyKind::BindsTo;
}

/// The owner's start brings its target along.
constexpr bool pulls(DependencyKind kind) {
    return is_hard(kind) || kind == DependencyKind::Wants;
}

/// The owner starts after its target and stops before it.
constexpr bool orders(DependencyKind kind) {
    return pulls(kind) || kind == DependencyKind::After;
}

bool is_satisfied(const UnitRuntime& u) {
    return (is_up(u.phase) || u.phase == Phase::Done) && !u.has(flag::kStopAsked);
}

} // namespace

std::span<const Dependency> Core::needs(UnitId id) const {
    return graph_.dependencies_of(id);
}

std::span<const ReverseEdge> Core::owners(UnitId id) const {
    return {reverse_ + first_owner_[id], reverse_ + first_owner_[id + 1]};
}

void Core::notify_watchers(UnitId id) {
    const auto wake = [&](UnitId other) {
        const UnitRuntime& u = unit(other);
        if (u.waits_for == id && (u.phase == Phase::Waiting || u.phase == Phase::Held))
            enqueue(other);
    };
    const bool dead = is_at_rest(unit(id).phase) && unit(id).phase != Phase::Done;
    for (const ReverseEdge& edge : owners(id)) {
        wake(edge.owner);
        UnitRuntime& owner = unit(edge.owner);
        if (!dead || !is_hard(edge.kind) || owner.phase != Phase::Waiting) continue;
        owner.flags |= flag::kDependencyLost;
        enqueue(edge.owner);
    }
    for (const Dependency& need : needs(id))
        wake(need.target);
    guest_->work += owners(id).size() + needs(id).size();
}

Gate Core::gate(DependencyKind kind, UnitId target) const {
    const UnitRuntime& t = unit(target);
    switch (kind) {
    case DependencyKind::Requires:
    case DependencyKind::BindsTo:
        if (is_satisfied(t)) return Gate::Open;
        return t.has(flag::kWanted) ? Gate::Blocked : Gate::Dead;
    case DependencyKind::Wants:
    case DependencyKind::After:
        // One that failed once and tries again has had its chance: who only wants it goes on.
        if (t.phase == Phase::Waiting || is_starting(t.phase) || is_stopping(t.phase))
            return Gate::Blocked;
        return t.has(flag::kStopAsked) ? Gate::Blocked : Gate::Open;
    case DependencyKind::Conflicts:
        return is_active(t.phase) ? Gate::Blocked : Gate::Open;
    case DependencyKind::PartOf:
        return Gate::Open;
    }
    return Gate::Open;
}

Gate Core::find_obstacle(UnitId id, Dependency& obstacle) {
    UnitRuntime& u = unit(id);
    const auto forward = needs(id);
    const auto backward = owners(id);
    const std::size_t count = forward.size() + backward.size();
    if (u.cursor >= count) u.cursor = 0;
    for (std::size_t looked = 0; looked < count; ++looked) {
        ++guest_->work;
        Dependency edge;
        if (u.cursor < forward.size()) {
            edge = forward[u.cursor];
        } else {
            // Of the edges that point here, only conflicts bind both ends.
            const ReverseEdge& reverse = backward[u.cursor - forward.size()];
            edge.target = reverse.owner;
            edge.kind = reverse.kind == DependencyKind::Conflicts ? DependencyKind::Conflicts
                                                                  : DependencyKind::PartOf;
        }
        const Gate answer = gate(edge.kind, edge.target);
        if (answer != Gate::Open) {
            obstacle = edge;
            return answer;
        }
        u.cursor = u.cursor + 1 == count ? 0 : u.cursor + 1;
    }
    return Gate::Open;
}

bool Core::find_dead_need(UnitId id, Dependency& dead) {
    for (const Dependency& need : needs(id)) {
        ++guest_->work;
        if (!is_hard(need.kind) || gate(need.kind, need.target) != Gate::Dead) continue;
        dead = need;
        return true;
    }
    return false;
}

bool Core::waits_for_dependents(UnitId id) {
    UnitRuntime& u = unit(id);
    u.waits_for = kNoUnit;
    if (guest_->stage >= Stage::Hurried) return false;
    const auto edges = owners(id);
    if (u.cursor >= edges.size()) u.cursor = 0;
    for (std::size_t looked = 0; looked < edges.size(); ++looked) {
        ++guest_->work;
        const ReverseEdge& edge = edges[u.cursor];
        const UnitRuntime& owner = unit(edge.owner);
        const bool leaves =
            is_stopping(owner.phase) || (owner.has(flag::kStopAsked) && is_active(owner.phase));
        if (orders(edge.kind) && leaves) {
            u.waits_for = edge.owner;
            return true;
        }
        u.cursor = u.cursor + 1 == edges.size() ? 0 : u.cursor + 1;
    }
    return false;
}

void Core::hold_needs(UnitId id) {
    if (unit(id).has(flag::kHolding)) return;
    unit(id).flags |= flag::kHolding;
    for (const Dependency& need : needs(id)) {
        ++guest_->work;
        if (!pulls(need.kind)) continue;
        UnitRuntime& target = unit(need.target);
        ++target.holders;
        // A oneshot that is done has done what was needed; it does not run again for each
        // dependent.
        const bool done = target.phase == Phase::Done;
        if (!done && !target.has(flag::kWanted)) admit(need.target);
    }
}

void Core::release_needs(UnitId id) {
    if (!unit(id).has(flag::kHolding)) return;
    unit(id).flags &= ~flag::kHolding;
    for (const Dependency& need : needs(id)) {
        ++guest_->work;
        if (!pulls(need.kind)) continue;
        UnitRuntime& target = unit(need.target);
        --target.holders;
        if (target.holders == 0 && target.has(flag::kWanted) && !target.has(flag::kRoot))
            ask_stop(need.target, false, ReasonKind::NotNeeded);
    }
}

void Core::stop_conflicting(UnitId id) {
    const auto stop = [&](UnitId other) {
        const UnitRuntime& u = unit(other);
        if (!u.has(flag::kWanted) && !u.has(flag::kReturn)) return;
        ask_stop(other, false, ReasonKind::Conflict, id);
    };
    for (const Dependency& need : needs(id))
        if (need.kind == DependencyKind::Conflicts) stop(need.target);
    for (const ReverseEdge& edge : owners(id))
        if (edge.kind == DependencyKind::Conflicts) stop(edge.owner);
    guest_->work += needs(id).size() + owners(id).size();
}

void Core::stop_dependents(UnitId id) {
    const bool again = unit(id).has(flag::kAgain);
    for (const ReverseEdge& edge : owners(id)) {
        ++guest_->work;
        if (!is_hard(edge.kind) && edge.kind != DependencyKind::PartOf) continue;
        UnitRuntime& owner = unit(edge.owner);
        if (is_at_rest(owner.phase)) continue;
        if (owner.phase == Phase::Waiting) {
            // It was never up: not stopped, but failed for want of what it needs.
            if (!again && is_hard(edge.kind)) owner.flags |= flag::kDependencyLost;
            enqueue(edge.owner);
            continue;
        }
        const bool bound = edge.kind == DependencyKind::BindsTo;
        const ReasonKind kind = bound ? ReasonKind::BoundUnitStopped : ReasonKind::Dependency;
        const bool comes_back = bound && !again && owner.has(flag::kWanted);
        const bool root = owner.has(flag::kRoot);
        if (!owner.has(flag::kWanted)) continue;
        ask_stop(edge.owner, again, kind, id);
        if (!comes_back) continue;
        owner.flags |= flag::kReturn;
        if (root) owner.flags |= flag::kRoot;
    }
}

void Core::lose_dependents(UnitId id) {
    const bool along = policy(id).restart_mode == RestartMode::Normal && wants_restart(id);
    for (const ReverseEdge& edge : owners(id)) {
        ++guest_->work;
        const bool bound = edge.kind == DependencyKind::BindsTo;
        const bool hard = is_hard(edge.kind) || edge.kind == DependencyKind::PartOf;
        if (!bound && !(along && hard)) continue;
        const UnitRuntime& owner = unit(edge.owner);
        if (!owner.has(flag::kWanted) || !is_active(owner.phase)) continue;
        const ReasonKind kind = bound ? ReasonKind::BoundUnitStopped : ReasonKind::Dependency;
        ask_stop(edge.owner, true, kind, id);
    }
}

void Core::return_dependents(UnitId id) {
    for (const ReverseEdge& edge : owners(id)) {
        ++guest_->work;
        UnitRuntime& owner = unit(edge.owner);
        if (!is_hard(edge.kind) || !owner.has(flag::kReturn) || !is_at_rest(owner.phase)) continue;
        bool possible = true;
        for (const Dependency& need : needs(edge.owner))
            if (is_hard(need.kind) && gate(need.kind, need.target) == Gate::Dead) possible = false;
        if (possible) admit(edge.owner);
    }
}

void Core::count_holders() {
    for (UnitId id = 0; id < size(); ++id) {
        if (!unit(id).has(flag::kHolding)) continue;
        for (const Dependency& need : needs(id))
            if (pulls(need.kind)) ++unit(need.target).holders;
    }
}

void Core::reloaded(UnitId chosen, bool starts_new) {
    if (guest_->stage != Stage::Running) return;
    for (UnitId id = 0; id < size(); ++id) {
        UnitRuntime& u = unit(id);
        const bool marked = u.has(flag::kReloaded);
        u.flags &= ~flag::kReloaded;
        if (is_at_rest(u.phase)) {
            // Of units that exclude each other the one that runs goes on.
            const bool starts = id == chosen || (starts_new && starts_at_boot(policy(id)));
            if (!marked || !starts || find_excluder(id) != kNoUnit) continue;
            u.flags |= flag::kRoot;
            forget_failures(id);
            admit(id);
            continue;
        }
        if (marked && u.holders == 0 && u.has(flag::kWanted) && !u.has(flag::kRoot)) {
            ask_stop(id, false, ReasonKind::NotNeeded);
            continue;
        }
        if (u.phase == Phase::Waiting || u.phase == Phase::Held) enqueue(id);
        if (!u.has(flag::kHolding)) continue;
        for (const Dependency& need : needs(id)) {
            const UnitRuntime& target = unit(need.target);
            if (pulls(need.kind) && !target.has(flag::kWanted) && target.phase != Phase::Done)
                admit(need.target);
        }
    }
    guest_->work += size();
}

} // namespace stead::engine
