#include <algorithm>

#include "engine/core.h"

/// Whether a unit that is up is still well.
namespace stead::engine {

void Core::health_passed(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    if (u.has(flag::kHealthAsked)) {
        if (u.probe != Slot::Empty) want(id, pending::kKillProbe);
        become_healthy(id, false);
        return;
    }
    // A probe that was killed and is not gone yet takes the place of this one.
    const bool runs = p.health == ReadyKind::Exec || p.health == ReadyKind::Http;
    if (runs && u.probe != Slot::Empty) {
        set_health(id, after(p.health_interval_ms));
        return;
    }
    u.flags |= flag::kHealthAsked;
    set_health(id, after(p.health_timeout_ms));
    if (runs)
        spawn(id, CommandRole::HealthProbe, 0);
    else
        want(id, pending::kProbe);
}

void Core::become_healthy(UnitId id, bool holds) {
    UnitRuntime& u = unit(id);
    if (!is_up(u.phase) || !u.has(flag::kHealthAsked)) return;
    const UnitPolicy& p = policy(id);
    u.flags &= ~flag::kHealthAsked;
    set_health(id, after(p.health_interval_ms));
    if (holds) {
        u.health_failures = 0;
        if (u.reason.kind == ReasonKind::Health) set_reason(id, {});
        return;
    }
    if (u.health_failures < p.health_threshold) ++u.health_failures;
    if (u.health_failures == p.health_threshold) became_ill(id);
}

void Core::became_ill(UnitId id) {
    const Reason reason = because(ReasonKind::Health);
    switch (policy(id).health_action) {
    case HealthAction::Restart:
        run_ended(id, Result::Health, reason);
        return;
    case HealthAction::Stop:
        ask_stop(id, reason, false);
        return;
    case HealthAction::Shutdown:
        set_reason(id, reason);
        begin_shutdown(EndKind::Exit, 1);
        return;
    case HealthAction::None:
        set_reason(id, reason);
        return;
    }
}

} // namespace stead::engine
