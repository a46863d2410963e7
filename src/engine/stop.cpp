#include "engine/core.h"

/// The way of a unit from whatever it does to "no process is left".
namespace stead::engine {

bool Core::has_processes(UnitId id) const {
    const UnitRuntime& u = unit(id);
    return u.main != Slot::Empty || u.command != Slot::Empty || u.probe != Slot::Empty;
}

void Core::withdraw(UnitId id) {
    UnitRuntime& u = unit(id);
    if ((u.pending & pending::kSpawn) != 0)
        (u.spawn_role == CommandRole::Main ? u.main : u.command) = Slot::Empty;
    if ((u.pending & pending::kSpawnProbe) != 0) u.probe = Slot::Empty;
    constexpr std::uint16_t kBirths = pending::kSpawn | pending::kSpawnProbe | pending::kProbe;
    u.pending = static_cast<std::uint16_t>(u.pending & ~kBirths);
}

void Core::ask_stop(UnitId id, const Reason& reason, bool again) {
    UnitRuntime& u = unit(id);
    if (!again) u.flags &= ~(flag::kWanted | flag::kRoot | flag::kAgain | flag::kReturn);
    if (is_at_rest(u.phase)) {
        if (again) admit(id);
        return;
    }
    if (again) u.flags |= flag::kWanted | flag::kAgain;
    set_reason(id, reason);
    u.flags |= flag::kStopAsked;
    enqueue(id);
}

void Core::ask_stop(UnitId id, bool again, ReasonKind kind, UnitId other) {
    ask_stop(id, because(kind, other), again);
}

void Core::begin_stop(UnitId id) {
    UnitRuntime& u = unit(id);
    if (guest_->stage == Stage::Running) stop_dependents(id);
    switch (u.phase) {
    case Phase::Down:
    case Phase::Failed:
    case Phase::Done:
        return;
    case Phase::Waiting:
    case Phase::Backoff:
        come_to_rest(id);
        return;
    case Phase::PreStart:
    case Phase::Launching:
    case Phase::Starting:
    case Phase::PostStart:
    case Phase::Up:
    case Phase::Reloading:
        withdraw(id);
        u.cursor = 0;
        set_phase(id, Phase::Held);
        if (!waits_for_dependents(id)) enter_stop(id);
        return;
    case Phase::Held:
    case Phase::PreStop:
    case Phase::StopCommand:
    case Phase::StopSignal:
    case Phase::Killing:
    case Phase::PostStop:
    case Phase::Sweeping:
        // Already on its way; only what comes after has changed.
        return;
    }
}

void Core::enter_stop(UnitId id) {
    UnitRuntime& u = unit(id);
    if (u.probe != Slot::Empty) want(id, pending::kKillProbe);
    kill_command(id);
    const bool ran = u.has(flag::kRan) && !u.has(flag::kSkipped);
    if (!ran || policy(id).type == UnitType::Target) {
        come_to_rest(id);
        return;
    }
    const bool oneshot = policy(id).type == UnitType::Oneshot;
    const bool lives = u.has(flag::kCameUp) && (oneshot || u.result == Result::None);
    if (!lives) {
        enter_signal(id, 0);
        return;
    }
    u.hook = 0;
    if (has_commands(id, CommandRole::PreStop)) {
        set_phase(id, Phase::PreStop);
        run_hook(id, CommandRole::PreStop);
    } else {
        enter_stop_command(id);
    }
}

void Core::enter_stop_command(UnitId id) {
    UnitRuntime& u = unit(id);
    const bool ended = u.result != Result::None && policy(id).type != UnitType::Oneshot;
    if (ended || !has_commands(id, CommandRole::Stop)) {
        enter_signal(id, 0);
        return;
    }
    u.hook = 0;
    set_phase(id, Phase::StopCommand);
    run_hook(id, CommandRole::Stop);
}

void Core::enter_signal(UnitId id, std::uint8_t step) {
    UnitRuntime& u = unit(id);
    u.step = step;
    set_phase(id, Phase::StopSignal);
    if (step == 0) {
        apply_step(id);
        return;
    }
    // Something else than the schedule asked the unit to go: it gets the time of the first step.
    const UnitPolicy& p = policy(id);
    set_deadline(id, p.stop_steps == 0 ? now() : after(p.stop[0].wait_ms));
}

void Core::apply_step(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    if (u.step >= p.stop_steps) {
        if (p.stop_steps != 0) u.flags |= flag::kStopTimedOut;
        kill(id);
        return;
    }
    Scope scope = Scope::All;
    if (p.kill_mode != KillMode::ControlGroup) {
        scope = Scope::Main;
        if (u.main == Slot::Empty && u.command != Slot::Empty) scope = Scope::Command;
        if (u.main == Slot::Empty && u.command == Slot::Empty) {
            // Mixed: with the main process gone, the rest gets no time.
            kill(id);
            return;
        }
    }
    u.signal = p.stop[u.step].signal;
    u.scope = scope;
    want(id, pending::kSignal);
    if (p.send_hup && u.step == 0) want(id, pending::kHangup);
    set_deadline(id, after(p.stop[u.step].wait_ms));
}

void Core::kill(UnitId id) {
    UnitRuntime& u = unit(id);
    withdraw(id);
    const bool all = policy(id).kill_mode != KillMode::Process || guest_->stage >= Stage::Killing;
    if (!all && u.main == Slot::Empty && u.command == Slot::Empty) {
        after_stop(id);
        return;
    }
    set_phase(id, Phase::Killing);
    set_deadline(id, now() + kKillRetry);
    if (all) {
        want(id, pending::kKillAll);
        return;
    }
    if (u.main != Slot::Empty) want(id, pending::kKillMain);
    if (u.command != Slot::Empty) want(id, pending::kKillCommand);
}

void Core::kill_command(UnitId id) {
    if (unit(id).command != Slot::Empty) want(id, pending::kKillCommand);
}

void Core::after_stop(UnitId id) {
    UnitRuntime& u = unit(id);
    const bool hooks = has_commands(id, CommandRole::PostStop) && u.has(flag::kRan) &&
                       !u.has(flag::kSkipped) && guest_->stage < Stage::Killing;
    if (!hooks) {
        come_to_rest(id);
        return;
    }
    u.hook = 0;
    set_phase(id, Phase::PostStop);
    run_hook(id, CommandRole::PostStop);
}

void Core::sweep(UnitId id) {
    const bool all = policy(id).kill_mode != KillMode::Process;
    if (!all && unit(id).command == Slot::Empty) {
        come_to_rest(id);
        return;
    }
    set_phase(id, Phase::Sweeping);
    set_deadline(id, now() + kKillRetry);
    want(id, all ? pending::kKillAll : pending::kKillCommand);
}

void Core::run_ended(UnitId id, Result result, const Reason& reason) {
    UnitRuntime& u = unit(id);
    // What hooks alone have left behind is no service that wants to be asked to go.
    const bool program_ran = u.phase != Phase::PreStart && u.phase != Phase::Launching;
    u.result = result;
    u.ended_at = now();
    set_reason(id, reason);
    withdraw(id);
    if (u.probe != Slot::Empty) want(id, pending::kKillProbe);
    kill_command(id);
    if (u.has(flag::kCameUp)) lose_dependents(id);
    if (program_ran || u.main != Slot::Empty)
        enter_signal(id, 0);
    else
        kill(id);
}

} // namespace stead::engine
