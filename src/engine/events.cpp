#include <algorithm>

#include <errno.h>

#include "engine/core.h"

/// From events to transitions. Whatever does not fit the phase a unit is in, or the process it has,
/// changes nothing.
namespace stead::engine {

namespace {

/// Trying again soon may help.
bool is_transient(std::int32_t error) {
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
           error == ETXTBSY || error == ENOBUFS || error == EINTR;
}

Result failure_result(const Reason& failure) {
    if (failure.kind == ReasonKind::SpawnFailed)
        return is_transient(failure.error) ? Result::TransientSpawn : Result::Spawn;
    return failure.status.kind == ExitStatus::Kind::Killed ? Result::Signal : Result::ExitCode;
}

/// The unit ends with its last process, not with its main one.
bool lives_by_cgroup(const UnitPolicy& policy) {
    return policy.exit_type == ExitType::Cgroup ||
           (policy.type == UnitType::Forking && policy.ready != ReadyKind::PidFile);
}

bool is_probe(CommandRole role) {
    return role == CommandRole::ReadyProbe || role == CommandRole::HealthProbe;
}

/// The hook list that a phase works through; Main where there is none.
CommandRole role_of(Phase phase) {
    switch (phase) {
    case Phase::PreStart:
        return CommandRole::PreStart;
    case Phase::PostStart:
        return CommandRole::PostStart;
    case Phase::Reloading:
        return CommandRole::Reload;
    case Phase::PreStop:
        return CommandRole::PreStop;
    case Phase::StopCommand:
        return CommandRole::Stop;
    case Phase::PostStop:
        return CommandRole::PostStop;
    case Phase::Down:
    case Phase::Waiting:
    case Phase::Launching:
    case Phase::Starting:
    case Phase::Up:
    case Phase::Held:
    case Phase::StopSignal:
    case Phase::Killing:
    case Phase::Sweeping:
    case Phase::Backoff:
    case Phase::Failed:
    case Phase::Done:
        return CommandRole::Main;
    }
    return CommandRole::Main;
}

} // namespace

void Core::handle(const Event& event, Instant now) {
    if (guest_->stage == Stage::Ended) return;
    guest_->now = std::max(guest_->now, now);
    const bool guest_wide = event.kind == EventKind::Boot || event.kind == EventKind::Shutdown ||
                            event.kind == EventKind::Reloaded || event.kind == EventKind::Tick;
    if (guest_wide || event.unit < size()) dispatch(event);
    settle();
    check_end();
}

// NOLINTNEXTLINE(readability-function-size): a line for each kind of event
void Core::dispatch(const Event& event) {
    const UnitId id = event.unit;
    switch (event.kind) {
    case EventKind::Boot:
        boot(id);
        return;
    case EventKind::Start:
        start_by_hand(id);
        return;
    case EventKind::Stop:
        ask_stop(id, false, ReasonKind::ByHand);
        return;
    case EventKind::Restart:
        restart_by_hand(id);
        return;
    case EventKind::Reload:
        reload(id);
        return;
    case EventKind::Shutdown:
        request_shutdown(event.end, static_cast<std::int32_t>(event.value));
        return;
    case EventKind::Spawned:
    case EventKind::Executed:
    case EventKind::SpawnFailed:
    case EventKind::Exited:
    case EventKind::Skipped:
        process_event(event);
        return;
    case EventKind::Emptied:
        emptied(id);
        return;
    case EventKind::Ready:
        notified_ready(id);
        return;
    case EventKind::Reloading:
        notified_reloading(id, event.value);
        return;
    case EventKind::Stopping:
        notified_stopping(id);
        return;
    case EventKind::WatchdogPing:
        pinged(id);
        return;
    case EventKind::WatchdogTrigger:
        watchdog(id);
        return;
    case EventKind::ExtendTimeout:
        extend(id, event.value);
        return;
    case EventKind::OomKilled:
        oom_killed(id);
        return;
    case EventKind::Healthy:
        become_healthy(id, true);
        return;
    case EventKind::Reloaded:
        reloaded(id, event.value != 0);
        return;
    case EventKind::Tick:
        tick();
        return;
    }
}

Slot* Core::find_slot(const Event& event) {
    UnitRuntime& u = unit(event.unit);
    Slot* slot = &u.command;
    std::uint32_t ticket = u.command_ticket;
    if (event.role == CommandRole::Main) {
        slot = &u.main;
        ticket = u.main_ticket;
    } else if (event.role == u.probe_role) {
        slot = &u.probe;
        ticket = u.probe_ticket;
    } else if (event.role != u.command_role) {
        return nullptr;
    }
    return *slot != Slot::Empty && ticket == event.ticket ? slot : nullptr;
}

void Core::process_event(const Event& event) {
    Slot* slot = find_slot(event);
    if (slot == nullptr) return;
    const bool main = event.role == CommandRole::Main;
    if (event.kind == EventKind::SpawnFailed) {
        process_failed(event, *slot);
    } else if (event.kind == EventKind::Exited) {
        process_exited(event, *slot);
    } else if (event.kind == EventKind::Skipped) {
        skipped(event, *slot);
    } else {
        *slot = Slot::Alive;
        if (main && event.kind == EventKind::Executed) program_runs(event.unit);
    }
}

void Core::process_failed(const Event& event, Slot& slot) {
    slot = Slot::Empty;
    const UnitId id = event.unit;
    Reason reason = because(ReasonKind::SpawnFailed);
    reason.stage = event.stage;
    reason.role = static_cast<std::uint8_t>(event.role);
    reason.error = event.error;
    if (is_probe(event.role)) {
        probe_ended(id, false);
    } else if (event.role != CommandRole::Main) {
        command_ended(id, reason);
    } else if (unit(id).phase == Phase::Launching) {
        run_ended(id, failure_result(reason), reason);
    } else {
        main_exited(id, {ExitStatus::Kind::Unknown, 0});
        // Nothing ran, so nothing may be left to tell us that nothing is left: ask.
        if (unit(id).phase == Phase::StopSignal && !has_processes(id)) kill(id);
    }
}

void Core::process_exited(const Event& event, Slot& slot) {
    slot = Slot::Empty;
    const UnitId id = event.unit;
    if (event.role == CommandRole::Main) {
        main_exited(id, event.status);
    } else if (is_probe(event.role)) {
        probe_ended(id, event.status.success());
    } else {
        Reason reason;
        if (!event.status.success()) reason = because(ReasonKind::CommandFailed, event.status);
        reason.role = static_cast<std::uint8_t>(event.role);
        command_ended(id, reason);
    }
}

void Core::main_exited(UnitId id, ExitStatus status) {
    UnitRuntime& u = unit(id);
    u.last_status = status;
    u.ended_at = now();
    switch (u.phase) {
    case Phase::Launching:
    case Phase::Starting:
        main_exited_on_the_way_up(id, status);
        return;
    case Phase::PostStart:
    case Phase::Up:
    case Phase::Reloading: {
        if (policy(id).type == UnitType::Oneshot || lives_by_cgroup(policy(id))) return;
        record_status(id, status);
        run_ended(id, u.result, u.reason);
        return;
    }
    case Phase::StopSignal: {
        const bool by_itself = u.result == Result::None && u.has(flag::kWanted);
        record_status(id, status);
        if (by_itself && u.has(flag::kCameUp)) lose_dependents(id);
        if (u.step == kBeforeSchedule) {
            // The unit went by itself; what it left behind goes by the schedule.
            u.step = 0;
            apply_step(id);
        } else {
            process_gone(id);
        }
        return;
    }
    case Phase::Held:
    case Phase::PreStop:
    case Phase::StopCommand:
        record_status(id, status);
        return;
    case Phase::Killing:
        record_status(id, status);
        process_gone(id);
        return;
    case Phase::Down:
    case Phase::Waiting:
    case Phase::PreStart:
    case Phase::PostStop:
    case Phase::Sweeping:
    case Phase::Backoff:
    case Phase::Failed:
    case Phase::Done:
        return;
    }
}

void Core::main_exited_on_the_way_up(UnitId id, ExitStatus status) {
    const UnitPolicy& p = policy(id);
    const Result result = classify(id, status);
    if (p.type == UnitType::Oneshot) {
        if (result == Result::Success) {
            became_ready(id);
        } else {
            record_status(id, status);
            run_ended(id, unit(id).result, unit(id).reason);
        }
        return;
    }
    if (p.type == UnitType::Forking && result == Result::Success) {
        if (unit(id).phase != Phase::Starting) return;
        if (p.ready == ReadyKind::PidFile)
            probe(id);
        else if (p.ready == ReadyKind::None || unit(id).has(flag::kReadySeen))
            became_ready(id);
        return;
    }
    if (lives_by_cgroup(p) && p.type != UnitType::Forking && unit(id).phase == Phase::Starting)
        return;
    const bool oom = unit(id).has(flag::kOomSeen);
    run_ended(id,
              oom                         ? Result::OomKill
              : result == Result::Success ? Result::ExitCode
                                          : result,
              because(oom ? ReasonKind::OomKill : ReasonKind::EndedBeforeReady, status));
}

void Core::process_gone(UnitId id) {
    const UnitRuntime& u = unit(id);
    const bool clears_up =
        u.phase == Phase::StopSignal || u.phase == Phase::Killing || u.phase == Phase::Sweeping;
    if (!clears_up) return;
    const bool follows = u.main != Slot::Empty || u.command != Slot::Empty;
    const KillMode mode = policy(id).kill_mode;
    if (u.phase == Phase::StopSignal && mode == KillMode::Mixed && u.main == Slot::Empty) {
        kill(id);
    } else if (mode == KillMode::Process && guest_->stage < Stage::Killing && !follows) {
        if (u.phase == Phase::Sweeping)
            come_to_rest(id);
        else
            after_stop(id);
    }
}

void Core::next_hook(UnitId id, const Reason& failure) {
    UnitRuntime& u = unit(id);
    const CommandRole role = role_of(u.phase);
    const bool failed = failure.kind != ReasonKind::None;
    const bool must_hold = is_starting(u.phase) || is_up(u.phase);
    if (failed && is_starting(u.phase)) {
        run_ended(id, failure_result(failure), failure);
        return;
    }
    ++u.hook;
    if (!(failed && must_hold) &&
        u.hook < policy(id).command_counts[static_cast<std::size_t>(role)]) {
        run_hook(id, role);
        return;
    }
    switch (role) {
    case CommandRole::PreStart:
        launch(id);
        return;
    case CommandRole::PostStart:
        come_up(id);
        return;
    case CommandRole::Reload:
        end_reload(id, failed ? failure : Reason{});
        return;
    case CommandRole::PreStop:
        enter_stop_command(id);
        return;
    case CommandRole::Stop: {
        // Whoever obeys the command needs no signal; it has the time of the first step.
        const bool obeys = !failed && u.main != Slot::Empty;
        enter_signal(id, obeys ? kBeforeSchedule : std::uint8_t{0});
        return;
    }
    case CommandRole::PostStop:
        sweep(id);
        return;
    case CommandRole::Main:
    case CommandRole::ReadyProbe:
    case CommandRole::HealthProbe:
        return;
    }
}

void Core::command_ended(UnitId id, const Reason& failure) {
    const UnitRuntime& u = unit(id);
    const CommandRole role = role_of(u.phase);
    if (role == CommandRole::Main) {
        process_gone(id);
    } else if (role == u.command_role) {
        next_hook(id, failure);
    } else {
        // A killed command of an earlier phase is gone at last; the one of this phase has waited.
        spawn(id, role, u.hook);
    }
}

void Core::probe_ended(UnitId id, bool holds) {
    if (unit(id).probe_role == CommandRole::HealthProbe) {
        become_healthy(id, holds);
        return;
    }
    if (unit(id).phase != Phase::Starting) return;
    if (holds)
        became_ready(id);
    else
        probe_again(id);
}

void Core::emptied(UnitId id) {
    UnitRuntime& u = unit(id);
    // A known process is still alive, so this is older than it.
    if (has_processes(id)) return;
    switch (u.phase) {
    case Phase::StopSignal:
    case Phase::Killing:
        after_stop(id);
        return;
    case Phase::Sweeping:
        come_to_rest(id);
        return;
    case Phase::Starting:
        if (policy(id).type == UnitType::Oneshot) return;
        u.result = u.last_status.success() ? Result::ExitCode : classify(id, u.last_status);
        set_reason(id, ReasonKind::EndedBeforeReady, u.last_status);
        after_stop(id);
        return;
    case Phase::Up:
    case Phase::Reloading:
        if (!lives_by_cgroup(policy(id)) || u.has(flag::kSkipped)) return;
        if (policy(id).type == UnitType::Oneshot || policy(id).type == UnitType::Target) return;
        record_status(id, u.last_status);
        u.ended_at = now();
        lose_dependents(id);
        after_stop(id);
        return;
    case Phase::Down:
    case Phase::Waiting:
    case Phase::PreStart:
    case Phase::Launching:
    case Phase::PostStart:
    case Phase::Held:
    case Phase::PreStop:
    case Phase::StopCommand:
    case Phase::PostStop:
    case Phase::Backoff:
    case Phase::Failed:
    case Phase::Done:
        return;
    }
}

} // namespace stead::engine
