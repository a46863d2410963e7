#include <algorithm>

#include "engine/core.h"

/// What units say about themselves, and what the clock and the kernel say about them.
namespace stead::engine {

void Core::notified_ready(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    if (p.type == UnitType::Oneshot) return;
    if (u.phase == Phase::Launching) {
        // READY may overtake the news that the program runs.
        if (u.main == Slot::Alive) u.flags |= flag::kReadySeen;
    } else if (u.phase == Phase::Starting) {
        if (p.type == UnitType::Forking) {
            // Until its first process has ended there is nothing that could be ready.
            if (u.main != Slot::Empty) {
                u.flags |= flag::kReadySeen;
                return;
            }
            // The process that the pid file names is the main process from now on.
            if (p.ready == ReadyKind::PidFile) u.main = Slot::Alive;
        }
        became_ready(id);
    } else if (u.phase == Phase::Reloading && u.command == Slot::Empty) {
        const bool answers = (p.traits & kReloadNotifies) == 0 || u.has(flag::kReloadSeen);
        if (answers) end_reload(id, {});
    }
}

void Core::notified_reloading(UnitId id, std::uint32_t age_ms) {
    UnitRuntime& u = unit(id);
    if (!is_up(u.phase) || u.main == Slot::Empty) return;
    const Instant limit = after(policy(id).start_timeout_ms);
    if (u.phase == Phase::Reloading) {
        // The deadline was set when the signal was sent, and what is older is no answer to it.
        const std::int64_t since = limit.ns - u.deadline.ns;
        if (!u.deadline.is_never() && std::int64_t{age_ms} * 1'000'000 > since + 1'000'000) return;
    } else {
        set_phase(id, Phase::Reloading);
        set_deadline(id, limit);
    }
    u.flags |= flag::kReloadSeen;
}

void Core::notified_stopping(UnitId id) {
    UnitRuntime& u = unit(id);
    if (u.main == Slot::Empty) return;
    const bool early = u.phase == Phase::Starting || u.phase == Phase::PostStart;
    if (!early && !is_up(u.phase)) return;
    if (early) {
        u.result = Result::ExitCode;
        set_reason(id, ReasonKind::EndedBeforeReady);
    }
    if (u.probe != Slot::Empty) want(id, pending::kKillProbe);
    withdraw(id);
    kill_command(id);
    enter_signal(id, kBeforeSchedule);
}

void Core::pinged(UnitId id) {
    if (is_up(unit(id).phase) && !unit(id).alarm.is_never())
        set_alarm(id, after(policy(id).watchdog_ms));
}

void Core::watchdog(UnitId id) {
    UnitRuntime& u = unit(id);
    const bool runs = u.phase == Phase::Starting || u.phase == Phase::PostStart || is_up(u.phase);
    if (!runs || u.main == Slot::Empty || policy(id).type == UnitType::Oneshot) return;
    u.result = Result::Watchdog;
    set_reason(id, ReasonKind::Watchdog);
    if (u.has(flag::kCameUp)) lose_dependents(id);
    if (u.probe != Slot::Empty) want(id, pending::kKillProbe);
    withdraw(id);
    kill_command(id);
    enter_signal(id, kBeforeSchedule);
    u.signal = policy(id).watchdog_signal;
    u.scope = Scope::Main;
    want(id, pending::kSignal);
}

void Core::oom_killed(UnitId id) {
    UnitRuntime& u = unit(id);
    u.flags |= flag::kOomSeen;
    const OomPolicy answer = policy(id).oom_policy;
    const bool runs = u.phase == Phase::Launching || u.phase == Phase::Starting ||
                      u.phase == Phase::PostStart || is_up(u.phase);
    if (runs && !u.has(flag::kSkipped) && policy(id).type != UnitType::Target) {
        // If it was the main process, its end is still to be told.
        if (answer == OomPolicy::Continue) return;
        // Whichever process it was: a unit that lost one is not whole any more.
        run_ended(id, Result::OomKill, because(ReasonKind::OomKill));
        if (answer == OomPolicy::Kill && u.phase == Phase::StopSignal) kill(id);
        return;
    }
    const bool ended_so = u.result == Result::Signal && u.reason.kind == ReasonKind::Exited;
    if (!is_stopping(u.phase) || !ended_so) return;
    u.result = Result::OomKill;
    set_reason(id, ReasonKind::OomKill, u.last_status);
}

void Core::skipped(const Event& event, Slot& slot) {
    if (slot != Slot::Asked) return;
    UnitRuntime& u = unit(event.unit);
    const bool starts = (u.phase == Phase::Launching && event.role == CommandRole::Main) ||
                        (u.phase == Phase::PreStart && event.role == CommandRole::PreStart);
    if (!starts) {
        // A stop was faster: for it this is a process that never came to be.
        process_failed(event, slot);
        return;
    }
    slot = Slot::Empty;
    u.flags |= flag::kSkipped;
    if (event.value != kServesConnections) set_reason(event.unit, ReasonKind::ConditionNotMet);
    come_up(event.unit);
}

void Core::extend(UnitId id, std::uint32_t milliseconds) {
    const UnitRuntime& u = unit(id);
    // Until a reload is answered its deadline tells when it began.
    const bool reloads = u.phase == Phase::Reloading &&
                         ((policy(id).traits & kReloadNotifies) == 0 || u.has(flag::kReloadSeen));
    const bool timed = is_starting(u.phase) || reloads || u.phase == Phase::PreStop ||
                       u.phase == Phase::StopCommand || u.phase == Phase::StopSignal;
    if (timed && !u.deadline.is_never())
        set_deadline(id, std::max(u.deadline, after(milliseconds)));
}

void Core::tick() {
    check_shutdown_time();
    for (UnitId id = find_due(); id != kNoUnit; id = find_due()) {
        if (unit(id).deadline <= now()) {
            set_deadline(id, Instant::never());
            deadline_passed(id);
        } else if (unit(id).health_at <= now()) {
            set_health(id, Instant::never());
            health_passed(id);
        } else {
            set_alarm(id, Instant::never());
            alarm_passed(id);
        }
    }
}

void Core::start_deadline_passed(UnitId id) {
    Reason reason = because(ReasonKind::StartTimeout);
    const UnitRuntime& u = unit(id);
    const bool hook = u.phase == Phase::PreStart || u.phase == Phase::PostStart;
    reason.role = static_cast<std::uint8_t>(hook ? u.command_role : CommandRole::Main);
    run_ended(id, Result::Timeout, reason);
}

void Core::deadline_passed(UnitId id) {
    UnitRuntime& u = unit(id);
    switch (u.phase) {
    case Phase::PreStart:
    case Phase::Launching:
    case Phase::Starting:
    case Phase::PostStart:
        start_deadline_passed(id);
        return;
    case Phase::Reloading: {
        Reason reason = because(ReasonKind::CommandFailed);
        reason.role = static_cast<std::uint8_t>(CommandRole::Reload);
        reason.status = {ExitStatus::Kind::Unknown, 0};
        withdraw(id);
        kill_command(id);
        end_reload(id, reason);
        return;
    }
    case Phase::PreStop:
        withdraw(id);
        kill_command(id);
        enter_stop_command(id);
        return;
    case Phase::StopCommand:
        withdraw(id);
        kill_command(id);
        enter_signal(id, 0);
        return;
    case Phase::StopSignal:
        u.step =
            u.step == kBeforeSchedule ? std::uint8_t{0} : static_cast<std::uint8_t>(u.step + 1);
        apply_step(id);
        return;
    case Phase::Killing:
        kill(id);
        return;
    case Phase::PostStop:
        withdraw(id);
        kill_command(id);
        sweep(id);
        return;
    case Phase::Sweeping:
        sweep(id);
        return;
    case Phase::Backoff:
        u.cursor = 0;
        u.waits_for = kNoUnit;
        set_phase(id, Phase::Waiting);
        enqueue(id);
        return;
    case Phase::Down:
    case Phase::Waiting:
    case Phase::Up:
    case Phase::Held:
    case Phase::Failed:
    case Phase::Done:
        return;
    }
}

void Core::alarm_passed(UnitId id) {
    const UnitRuntime& u = unit(id);
    if (is_up(u.phase)) {
        watchdog(id);
    } else if (u.phase == Phase::Starting) {
        // A probe that hangs is no answer.
        if (u.probe != Slot::Empty)
            want(id, pending::kKillProbe);
        else
            probe(id);
    }
}

} // namespace stead::engine
