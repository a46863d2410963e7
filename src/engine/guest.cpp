#include <algorithm>

#include "engine/core.h"

/// The guest as a whole: its boot, and its orderly end under one deadline.
namespace stead::engine {

UnitId Core::find_excluder(UnitId id) const {
    for (const Dependency& need : needs(id))
        if (need.kind == DependencyKind::Conflicts && unit(need.target).has(flag::kWanted))
            return need.target;
    for (const ReverseEdge& edge : owners(id))
        if (edge.kind == DependencyKind::Conflicts && unit(edge.owner).has(flag::kWanted))
            return edge.owner;
    return kNoUnit;
}

void Core::boot(UnitId target) {
    if (guest_->booted || guest_->stage != Stage::Running) return;
    guest_->booted = true;
    guest_->booted_at = now();
    for (UnitId id = 0; id < size(); ++id) {
        const bool chosen = target == kNoUnit ? starts_at_boot(policy(id)) : id == target;
        if (!chosen) continue;
        // Of two enabled units that exclude each other the first one runs.
        const UnitId other = find_excluder(id);
        if (other != kNoUnit) {
            set_reason(id, ReasonKind::Conflict, other);
            continue;
        }
        unit(id).flags |= flag::kRoot;
        forget_failures(id);
        admit(id);
    }
}

Duration Core::kill_grace() const {
    return std::min(kKillGrace, Duration{guest_->stop_budget.ns / 5});
}

void Core::request_shutdown(EndKind end, std::int32_t code) {
    switch (guest_->stage) {
    case Stage::Running:
        guest_->code_open = guest_->propagate_stop_exit;
        begin_shutdown(end, code);
        return;
    case Stage::Orderly:
        hurry();
        return;
    case Stage::Hurried:
        kill_everything();
        return;
    case Stage::Killing:
    case Stage::Ended:
        return;
    }
}

void Core::begin_shutdown(EndKind end, std::int32_t code) {
    if (guest_->stage != Stage::Running) return;
    guest_->stage = Stage::Orderly;
    guest_->end = end;
    guest_->exit_code = code;
    if (!guest_->stop_budget.is_infinite()) {
        guest_->end_at = now() + guest_->stop_budget;
        guest_->kill_at = now() + (guest_->stop_budget - kill_grace());
    }
    for (UnitId id = 0; id < size(); ++id)
        ask_stop(id, false, ReasonKind::Shutdown);
}

void Core::hurry() {
    guest_->stage = Stage::Hurried;
    guest_->kill_at = earlier(guest_->kill_at, now() + kHurry);
    guest_->end_at = earlier(guest_->end_at, guest_->kill_at + kill_grace());
    for (UnitId id = 0; id < size(); ++id)
        if (unit(id).phase == Phase::Held) enqueue(id);
}

void Core::kill_everything() {
    guest_->stage = Stage::Killing;
    guest_->kill_at = Instant::never();
    // However late this comes: what was killed gets a moment to be gone.
    guest_->end_at = now() + kill_grace();
    for (UnitId id = 0; id < size(); ++id) {
        if (is_at_rest(unit(id).phase)) continue;
        withdraw(id);
        if (unit(id).has(flag::kRan) && !unit(id).has(flag::kSkipped))
            kill(id);
        else
            come_to_rest(id);
    }
}

void Core::check_shutdown_time() {
    if (guest_->stage == Stage::Running || guest_->stage == Stage::Ended) return;
    if (guest_->stage != Stage::Killing) {
        if (now() >= guest_->kill_at) kill_everything();
        return;
    }
    if (now() < guest_->end_at) return;
    guest_->stage = Stage::Ended;
    guest_->end_pending = true;
}

void Core::check_end() {
    const bool leaving = guest_->stage != Stage::Running && guest_->stage != Stage::Ended;
    if (!leaving || guest_->active != 0) return;
    guest_->stage = Stage::Ended;
    guest_->end_pending = true;
}

} // namespace stead::engine
