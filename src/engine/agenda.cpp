#include <signal.h>

#include <algorithm>

#include "engine/core.h"

/// What is to be done when: deadlines in a binary heap, units to look at in a queue, actions to
/// hand out in a list of units with one bit per action. All of fixed size, so that nothing can
/// overflow.
namespace stead::engine {

Instant Core::after(std::uint32_t milliseconds) const {
    if (milliseconds == kForever) return Instant::never();
    return now() + Duration{static_cast<std::int64_t>(milliseconds) * 1'000'000};
}

Instant Core::due(UnitId id) const {
    return earlier(earlier(unit(id).deadline, unit(id).alarm), unit(id).health_at);
}

void Core::set_deadline(UnitId id, Instant at) {
    unit(id).deadline = at;
    update_heap(id);
}

void Core::set_alarm(UnitId id, Instant at) {
    unit(id).alarm = at;
    update_heap(id);
}

void Core::set_health(UnitId id, Instant at) {
    unit(id).health_at = at;
    update_heap(id);
}

Instant Core::heap_top() const {
    return guest_->heap_size == 0 ? Instant::never() : due(heap_[0]);
}

UnitId Core::find_due() const {
    return heap_top() <= now() ? heap_[0] : kNoUnit;
}

void Core::place(std::size_t index, UnitId id) {
    heap_[index] = id;
    unit(id).heap_index = static_cast<std::uint16_t>(index);
}

void Core::sift_up(std::size_t index) {
    const UnitId id = heap_[index];
    while (index > 0) {
        const std::size_t parent = (index - 1) / 2;
        if (due(heap_[parent]) <= due(id)) break;
        place(index, heap_[parent]);
        index = parent;
    }
    place(index, id);
}

void Core::sift_down(std::size_t index) {
    const UnitId id = heap_[index];
    for (;;) {
        std::size_t child = 2 * index + 1;
        if (child >= guest_->heap_size) break;
        if (child + 1 < guest_->heap_size && due(heap_[child + 1]) < due(heap_[child])) ++child;
        if (due(id) <= due(heap_[child])) break;
        place(index, heap_[child]);
        index = child;
    }
    place(index, id);
}

void Core::update_heap(UnitId id) {
    UnitRuntime& u = unit(id);
    const bool timed = !due(id).is_never();
    if (u.heap_index == kNoIndex) {
        if (!timed) return;
        place(guest_->heap_size++, id);
        sift_up(u.heap_index);
        return;
    }
    if (timed) {
        sift_up(u.heap_index);
        sift_down(u.heap_index);
        return;
    }
    const std::size_t hole = u.heap_index;
    u.heap_index = kNoIndex;
    const UnitId last = heap_[--guest_->heap_size];
    if (last == id) return;
    place(hole, last);
    sift_up(hole);
    sift_down(unit(last).heap_index);
}

void Core::enqueue(UnitId id) {
    UnitRuntime& u = unit(id);
    if (u.has(flag::kQueued)) return;
    u.flags |= flag::kQueued;
    u.next_queued = kNoUnit;
    if (guest_->queue_tail == kNoUnit)
        guest_->queue_head = id;
    else
        unit(guest_->queue_tail).next_queued = id;
    guest_->queue_tail = id;
}

UnitId Core::dequeue() {
    const UnitId id = guest_->queue_head;
    if (id == kNoUnit) return kNoUnit;
    guest_->queue_head = unit(id).next_queued;
    if (guest_->queue_head == kNoUnit) guest_->queue_tail = kNoUnit;
    unit(id).flags &= ~flag::kQueued;
    return id;
}

void Core::settle() {
    for (;;) {
        // Whoever is to start is known before anybody is asked whether it may: else a unit could
        // overtake another one that it comes after, only because that one was admitted later.
        if (guest_->pulling != kNoUnit) {
            const UnitId id = guest_->pulling;
            guest_->pulling = unit(id).next_pulling;
            unit(id).flags &= ~flag::kPulling;
            if (unit(id).phase == Phase::Waiting) hold_needs(id);
            continue;
        }
        const UnitId id = dequeue();
        if (id == kNoUnit) return;
        review(id);
    }
}

void Core::want(UnitId id, std::uint16_t actions) {
    UnitRuntime& u = unit(id);
    u.pending |= actions;
    if (u.has(flag::kListed)) return;
    u.flags |= flag::kListed;
    u.next_listed = kNoUnit;
    if (guest_->list_tail == kNoUnit)
        guest_->list_head = id;
    else
        unit(guest_->list_tail).next_listed = id;
    guest_->list_tail = id;
}

void Core::fill_signal(UnitId id, std::uint16_t bit, Action& action) {
    const UnitRuntime& u = unit(id);
    action.kind = ActionKind::Signal;
    action.scope = u.scope;
    action.signal = SIGKILL;
    switch (bit) {
    case pending::kSignal:
        action.signal = u.signal;
        break;
    case pending::kHangup:
        action.signal = SIGHUP;
        break;
    case pending::kKillMain:
        action.scope = Scope::Main;
        break;
    case pending::kKillProbe:
        action.scope = Scope::Command;
        action.role = u.probe_role;
        action.ticket = u.probe_ticket;
        return;
    default:
        action.scope = Scope::Command;
        break;
    }
    const bool command = action.scope == Scope::Command;
    action.role = command ? u.command_role : CommandRole::Main;
    action.ticket = command ? u.command_ticket : u.main_ticket;
}

bool Core::take_action(UnitId id, Action& action) {
    UnitRuntime& u = unit(id);
    if (u.pending == 0) return false;
    const auto bit = static_cast<std::uint16_t>(u.pending & -u.pending);
    u.pending = static_cast<std::uint16_t>(u.pending & ~bit);
    action = Action{};
    action.unit = id;
    switch (bit) {
    case pending::kKillAll:
        action.kind = ActionKind::KillAll;
        break;
    case pending::kRelease:
        action.kind = ActionKind::Release;
        break;
    case pending::kProbe:
        action.kind = ActionKind::Probe;
        action.role = is_up(u.phase) ? CommandRole::HealthProbe : CommandRole::ReadyProbe;
        break;
    case pending::kChanged:
        action.kind = ActionKind::Changed;
        break;
    case pending::kSpawn: {
        const bool main = u.spawn_role == CommandRole::Main;
        action.kind = ActionKind::Spawn;
        action.role = u.spawn_role;
        action.index = main ? 0 : u.hook;
        action.ticket = main ? u.main_ticket : u.command_ticket;
        u.flags |= flag::kRan;
        break;
    }
    case pending::kSpawnProbe:
        action.kind = ActionKind::Spawn;
        action.role = u.probe_role;
        action.ticket = u.probe_ticket;
        break;
    default:
        fill_signal(id, bit, action);
        break;
    }
    return true;
}

bool Core::next_action(Action& action) {
    while (guest_->list_head != kNoUnit) {
        const UnitId id = guest_->list_head;
        if (take_action(id, action)) return true;
        guest_->list_head = unit(id).next_listed;
        if (guest_->list_head == kNoUnit) guest_->list_tail = kNoUnit;
        unit(id).flags &= ~flag::kListed;
    }
    if (!guest_->end_pending) return false;
    guest_->end_pending = false;
    action = Action{};
    action.kind = ActionKind::End;
    action.end = guest_->end;
    action.value = guest_->exit_code;
    for (UnitId id = 0; id < size() && action.unit == kNoUnit; ++id)
        if (has_processes(id)) action.unit = id;
    return true;
}

void Core::note_moment(UnitRuntime& unit, UnitState state) const {
    if (state == UnitState::Down || state == UnitState::Waiting) return;
    Moment moment = Moment::Over;
    if (state == UnitState::Starting) moment = Moment::Starting;
    if (state == UnitState::Up || state == UnitState::Done) moment = Moment::Up;
    std::uint32_t& at = unit.moments[static_cast<std::size_t>(moment)];
    if (at != 0) return;
    const std::int64_t microseconds = (now() - guest_->booted_at).ns / 1000;
    at = static_cast<std::uint32_t>(std::clamp<std::int64_t>(microseconds, 1, kLatestMoment));
}

void Core::set_phase(UnitId id, Phase phase) {
    UnitRuntime& u = unit(id);
    if (u.phase == phase) return;
    const auto unsettled = [](Phase p) { return !is_at_rest(p) && !is_up(p); };
    guest_->active += static_cast<std::uint32_t>(!is_at_rest(phase));
    guest_->active -= static_cast<std::uint32_t>(!is_at_rest(u.phase));
    guest_->unsettled += static_cast<std::uint32_t>(unsettled(phase));
    guest_->unsettled -= static_cast<std::uint32_t>(unsettled(u.phase));
    if (visible_state(u.phase) != visible_state(phase)) {
        u.since = now();
        note_moment(u, visible_state(phase));
    }
    u.phase = phase;
    u.deadline = Instant::never();
    if (!is_up(phase)) u.alarm = u.health_at = Instant::never();
    update_heap(id);
    want(id, pending::kChanged);
    notify_watchers(id);
}

void Core::set_reason(UnitId id, const Reason& reason) {
    if (unit(id).reason == reason) return;
    unit(id).reason = reason;
    want(id, pending::kChanged);
}

void Core::set_reason(UnitId id, ReasonKind kind, UnitId other) {
    set_reason(id, because(kind, other));
}

void Core::set_reason(UnitId id, ReasonKind kind, ExitStatus status) {
    set_reason(id, because(kind, status));
}

} // namespace stead::engine
