#include <algorithm>

#include "engine/core.h"

/// The way of a unit from down to up.
namespace stead::engine {

bool Core::has_commands(UnitId id, CommandRole role) const {
    return policy(id).command_counts[static_cast<std::size_t>(role)] != 0;
}

void Core::admit(UnitId id) {
    if (guest_->stage != Stage::Running) return;
    UnitRuntime& u = unit(id);
    u.flags |= flag::kWanted;
    u.flags &= ~flag::kReturn;
    if (is_stopping(u.phase) || u.has(flag::kStopAsked)) {
        // It is on its way down and finishes that first: never two main processes.
        u.flags |= flag::kAgain;
        stop_conflicting(id);
        return;
    }
    if (!is_at_rest(u.phase) && u.phase != Phase::Backoff) return;
    if (u.phase == Phase::Backoff && !u.has(flag::kAgain)) return;
    u.flags &= ~flag::kAgain;
    u.cursor = 0;
    u.waits_for = kNoUnit;
    set_reason(id, {});
    set_phase(id, Phase::Waiting);
    if (!u.has(flag::kPulling)) {
        u.flags |= flag::kPulling;
        u.next_pulling = guest_->pulling;
        guest_->pulling = id;
    }
    enqueue(id);
    stop_conflicting(id);
}

void Core::start_by_hand(UnitId id) {
    if (guest_->stage != Stage::Running) return;
    UnitRuntime& u = unit(id);
    u.flags |= flag::kRoot;
    u.trigger = kNoUnit;
    u.restarts = 0;
    forget_failures(id);
    // A wait for the next attempt is cut short: that is what the person asks for.
    if (u.phase == Phase::Backoff) u.flags |= flag::kAgain;
    admit(id);
}

void Core::restart_by_hand(UnitId id) {
    if (guest_->stage != Stage::Running) return;
    UnitRuntime& u = unit(id);
    const bool going = is_stopping(u.phase);
    if (is_at_rest(u.phase) || u.phase == Phase::Backoff) {
        start_by_hand(id);
        return;
    }
    u.flags |= flag::kRoot;
    u.restarts = 0;
    forget_failures(id);
    // A start that has not come to the program yet is as new as a restart would be.
    const bool fresh =
        u.phase == Phase::Waiting || u.phase == Phase::PreStart || u.phase == Phase::Launching;
    if (fresh && !going) return;
    ask_stop(id, true, ReasonKind::ByHand);
}

void Core::review(UnitId id) {
    UnitRuntime& u = unit(id);
    if (u.has(flag::kStopAsked)) {
        u.flags &= ~flag::kStopAsked;
        begin_stop(id);
    }
    if (u.phase == Phase::Waiting) try_start(id);
    if (u.phase == Phase::Held && !waits_for_dependents(id)) enter_stop(id);
}

void Core::try_start(UnitId id) {
    UnitRuntime& u = unit(id);
    hold_needs(id);
    Dependency obstacle;
    if (u.has(flag::kDependencyLost)) {
        u.flags &= ~flag::kDependencyLost;
        if (find_dead_need(id, obstacle)) {
            fail_dependency(id, obstacle);
            return;
        }
    }
    const UnitId before = u.waits_for;
    u.waits_for = kNoUnit;
    switch (find_obstacle(id, obstacle)) {
    case Gate::Dead:
        fail_dependency(id, obstacle);
        return;
    case Gate::Blocked:
        u.waits_for = obstacle.target;
        if (u.waits_for != before) want(id, pending::kChanged);
        return;
    case Gate::Open:
        break;
    }

    u.flags &= ~(flag::kRunMask | flag::kAgain | flag::kPrevious);
    u.result = Result::None;
    set_reason(id, {});
    if (policy(id).type == UnitType::Target) {
        come_up(id);
        return;
    }
    if (!has_commands(id, CommandRole::PreStart)) {
        launch(id);
        return;
    }
    u.hook = 0;
    set_phase(id, Phase::PreStart);
    run_hook(id, CommandRole::PreStart);
}

void Core::launch(UnitId id) {
    set_phase(id, Phase::Launching);
    set_deadline(id, after(policy(id).start_timeout_ms));
    spawn(id, CommandRole::Main, 0);
}

void Core::spawn(UnitId id, CommandRole role, std::uint8_t index) {
    UnitRuntime& u = unit(id);
    const std::uint32_t ticket = ++u.tickets;
    if (role == CommandRole::ReadyProbe || role == CommandRole::HealthProbe) {
        u.probe = Slot::Asked;
        u.probe_role = role;
        u.probe_ticket = ticket;
        want(id, pending::kSpawnProbe);
        return;
    }
    u.spawn_role = role;
    if (role == CommandRole::Main) {
        u.main = Slot::Asked;
        u.main_ticket = ticket;
    } else {
        u.command = Slot::Asked;
        u.command_role = role;
        u.command_ticket = ticket;
        u.hook = index;
    }
    want(id, pending::kSpawn);
}

void Core::run_hook(UnitId id, CommandRole role) {
    const UnitPolicy& p = policy(id);
    set_deadline(id,
                 after(role == CommandRole::Stop ? p.stop_command_timeout_ms : p.hook_timeout_ms));
    // A command that was killed but is not reaped yet comes first; its end starts this one.
    if (unit(id).command == Slot::Empty) spawn(id, role, unit(id).hook);
}

void Core::program_runs(UnitId id) {
    UnitRuntime& u = unit(id);
    if (u.phase != Phase::Launching) return;
    const UnitPolicy& p = policy(id);
    const bool at_once = p.type == UnitType::Exec && p.ready == ReadyKind::None;
    if (at_once || (u.has(flag::kReadySeen) && p.type != UnitType::Oneshot)) {
        became_ready(id);
        return;
    }
    const Instant deadline = u.deadline;
    set_phase(id, Phase::Starting);
    set_deadline(id, deadline);
    if (p.type != UnitType::Oneshot) probe(id);
}

void Core::probe(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    switch (p.ready) {
    case ReadyKind::None:
    case ReadyKind::Notify:
    case ReadyKind::Fd:
        return;
    case ReadyKind::Exec:
        if (u.probe != Slot::Empty) return;
        spawn(id, CommandRole::ReadyProbe, 0);
        set_alarm(id, after(p.hook_timeout_ms));
        return;
    case ReadyKind::PidFile:
    case ReadyKind::Tcp:
    case ReadyKind::Unix:
    case ReadyKind::Path:
    case ReadyKind::Http:
        want(id, pending::kProbe);
        probe_again(id);
        return;
    }
}

void Core::probe_again(UnitId id) {
    constexpr Duration kSoonest = 10_ms;
    const Duration interval{std::int64_t{std::max(policy(id).ready_interval_ms, 1U)} * 1'000'000};
    const Duration waited = std::max(now() - unit(id).since, kSoonest);
    set_alarm(id, now() + std::min(waited, interval));
}

void Core::became_ready(UnitId id) {
    UnitRuntime& u = unit(id);
    if (u.probe != Slot::Empty) want(id, pending::kKillProbe);
    set_alarm(id, Instant::never());
    if (!has_commands(id, CommandRole::PostStart)) {
        come_up(id);
        return;
    }
    u.hook = 0;
    set_phase(id, Phase::PostStart);
    run_hook(id, CommandRole::PostStart);
}

void Core::come_up(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    u.flags |= flag::kCameUp;
    u.up_since = now();
    if (p.type == UnitType::Oneshot && !u.has(flag::kSkipped) && !p.remain_after_exit) {
        // Its work is done; what it left running goes.
        u.result = Result::Success;
        enter_signal(id, 0);
        return;
    }
    set_phase(id, Phase::Up);
    if (p.watchdog_ms != 0 && u.main != Slot::Empty) set_alarm(id, after(p.watchdog_ms));
    u.health_failures = 0;
    u.flags &= ~flag::kHealthAsked;
    if (p.health != ReadyKind::None && !u.has(flag::kSkipped) && p.type != UnitType::Target)
        set_health(id, after(p.health_interval_ms));
    return_dependents(id);
    if (p.type == UnitType::Oneshot && !u.has(flag::kSkipped)) {
        u.result = Result::Success;
        act_on_outcome(id, false);
    }
}

void Core::reload(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    if (u.phase != Phase::Up || u.has(flag::kSkipped) || p.type == UnitType::Target) return;
    if (has_commands(id, CommandRole::Reload)) {
        u.hook = 0;
        set_reason(id, {});
        set_phase(id, Phase::Reloading);
        run_hook(id, CommandRole::Reload);
    } else if (p.reload_signal != 0 && u.main != Slot::Empty) {
        set_reason(id, {});
        if ((p.traits & kReloadNotifies) != 0) {
            set_phase(id, Phase::Reloading);
            set_deadline(id, after(p.start_timeout_ms));
        }
        u.signal = p.reload_signal;
        u.scope = Scope::Main;
        want(id, pending::kSignal);
    }
}

void Core::end_reload(UnitId id, const Reason& reason) {
    unit(id).flags &= ~flag::kReloadSeen;
    set_phase(id, Phase::Up);
    set_reason(id, reason);
}

} // namespace stead::engine
