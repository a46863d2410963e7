#include <signal.h>

#include <algorithm>

#include <errno.h>

#include "engine/core.h"

/// What follows when a unit has no process left: rest, another attempt, or an end that others feel.
namespace stead::engine {

namespace {

/// Wider windows than this would outlive the 32 bits of a stamp's milliseconds.
constexpr std::uint32_t kMaxInterval = 24U * 86'400'000U;

} // namespace

Result Core::classify(UnitId id, ExitStatus status) const {
    const ExitSet& success = policy(id).success;
    switch (status.kind) {
    case ExitStatus::Kind::Exited:
        return status.value == 0 || success.has_code(status.value) ? Result::Success
                                                                   : Result::ExitCode;
    case ExitStatus::Kind::Killed:
        return success.has_signal(status.value) ? Result::Success : Result::Signal;
    case ExitStatus::Kind::Unknown:
        return Result::ExitCode;
    }
    return Result::ExitCode;
}

void Core::record_status(UnitId id, ExitStatus status) {
    UnitRuntime& u = unit(id);
    if (u.result == Result::None) {
        u.result = classify(id, status);
        const bool oom = u.has(flag::kOomSeen) && u.result != Result::Success;
        if (oom) u.result = Result::OomKill;
        if (!u.has(flag::kWanted) || u.has(flag::kAgain)) return;
        set_reason(id, oom ? ReasonKind::OomKill : ReasonKind::Exited, status);
        return;
    }
    // It was told to go for a reason of its own, which stays; how it went is added.
    if (u.reason.kind != ReasonKind::CommandFailed) {
        Reason reason = u.reason;
        reason.status = status;
        set_reason(id, reason);
    }
}

void Core::come_to_rest(UnitId id) {
    UnitRuntime& u = unit(id);
    withdraw(id);
    const bool stop_timed_out = u.has(flag::kStopTimedOut);
    const bool ran = u.has(flag::kRan);
    const bool came_up = u.has(flag::kCameUp);
    u.flags &= ~flag::kRunMask;
    if (guest_->stage != Stage::Running) {
        u.flags &= ~(flag::kWanted | flag::kAgain | flag::kRoot);
        if (ran && policy(id).essential && guest_->code_open) {
            guest_->exit_code = guest_code(id, u.last_status.shell_code());
            guest_->code_open = false;
        }
    }
    if (u.has(flag::kAgain) && u.has(flag::kWanted)) {
        u.flags &= ~flag::kAgain;
        u.cursor = 0;
        u.waits_for = kNoUnit;
        set_phase(id, Phase::Waiting);
        enqueue(id);
        return;
    }
    if (u.has(flag::kWanted)) {
        conclude(id, came_up);
        return;
    }

    if (ran) want(id, pending::kRelease);
    if (stop_timed_out) set_reason(id, ReasonKind::StopTimeout, u.last_status);
    set_phase(id, Phase::Down);
    release_needs(id);
    const bool by_hand = guest_->stage == Stage::Running && ran;
    if (by_hand && policy(id).essential && policy(id).essential_stop == EssentialStop::Exit)
        begin_shutdown(EndKind::Exit, 0);
}

std::int32_t Core::guest_code(UnitId id, std::int32_t code) const {
    const UnitPolicy& p = policy(id);
    for (std::size_t i = 0; i < p.code_changes; ++i)
        if (p.exit_map[i].from == code) return p.exit_map[i].to;
    return code;
}

bool Core::wants_restart(UnitId id) const {
    const UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    const bool ended =
        u.result == Result::Success || u.result == Result::ExitCode || u.result == Result::Signal;
    if (ended && u.last_status.kind == ExitStatus::Kind::Exited &&
        p.prevent.has_code(u.last_status.value))
        return false;
    if (ended && u.last_status.kind == ExitStatus::Kind::Killed &&
        p.prevent.has_signal(u.last_status.value))
        return false;
    if (u.result == Result::Dependency) return false;
    if (u.result == Result::Health) return true;
    if (u.result == Result::TransientSpawn) return true;

    const bool success = u.result == Result::Success || u.result == Result::None;
    switch (p.restart) {
    case RestartPolicy::No:
        return false;
    case RestartPolicy::OnSuccess:
        return success;
    // What cannot be executed now cannot be executed in a second either.
    case RestartPolicy::OnFailure:
        return !success && u.result != Result::Spawn;
    case RestartPolicy::OnAbnormal:
        return u.result == Result::Signal || u.result == Result::Timeout ||
               u.result == Result::Watchdog || u.result == Result::OomKill;
    case RestartPolicy::OnWatchdog:
        return u.result == Result::Watchdog;
    case RestartPolicy::Always:
        return true;
    }
    return false;
}

bool Core::count_restart(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    if (u.stamp_capacity == 0 || p.restart_burst == 0 || p.restart_burst == kForever) return true;
    std::uint32_t* stamps = stamps_ + u.first_stamp;
    save(stamps, u.stamp_capacity * sizeof *stamps);
    const std::uint32_t interval = std::min(p.restart_interval_ms, kMaxInterval);
    const auto stamp = static_cast<std::uint32_t>((now() - Instant{}).ms());

    // Stamps are in order of age; those that left the window leave the table.
    const bool all_old = (now() - u.restarted_at).ms() >= interval;
    std::uint8_t old = all_old ? u.stamps : std::uint8_t{0};
    while (old < u.stamps && stamp - stamps[old] >= interval)
        ++old;
    std::copy(stamps + old, stamps + u.stamps, stamps);
    u.stamps = static_cast<std::uint8_t>(u.stamps - old);
    if (all_old) u.restarts_in_group = 0;

    // A group of restarts shares one stamp, the time of its last one, so that a large burst needs
    // no large table.
    const std::uint32_t group = (p.restart_burst - 1) / u.stamp_capacity + 1;
    const std::uint32_t most = p.restart_burst / group;
    if (u.stamps >= most) return false;
    u.restarted_at = now();
    if (++u.restarts_in_group < group) return true;
    u.restarts_in_group = 0;
    stamps[u.stamps++] = stamp;
    return true;
}

Duration Core::next_delay(UnitId id) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    const std::uint64_t delay = std::min(u.delay_ms, p.restart_max_delay_ms);
    const std::uint64_t next = delay * p.restart_factor_permille / 1000;
    u.delay_ms = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::max(next, delay), p.restart_max_delay_ms));

    // Spread evenly over delay * (1 +- jitter), so that units that fell together do not rise
    // together.
    std::int64_t nanoseconds = static_cast<std::int64_t>(delay) * 1'000'000;
    const std::int64_t jitter = std::min<std::uint32_t>(p.restart_jitter_permille, 1000);
    const std::int64_t spread = nanoseconds / 1000 * jitter;
    if (spread > 0)
        nanoseconds +=
            static_cast<std::int64_t>(random() % (2 * static_cast<std::uint64_t>(spread) + 1)) -
            spread;
    const std::int64_t most = static_cast<std::int64_t>(p.restart_max_delay_ms) * 1'000'000;
    return Duration{std::min(nanoseconds, most)};
}

void Core::forget_failures(UnitId id) {
    UnitRuntime& u = unit(id);
    u.stamps = 0;
    u.restarts_in_group = 0;
    u.delay_ms = policy(id).restart_delay_ms;
}

void Core::conclude(UnitId id, bool came_up) {
    UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    const Duration long_enough{std::int64_t{p.restart_reset_after_ms} * 1'000'000};
    const bool healthy = came_up && u.ended_at - u.up_since >= long_enough;
    if (healthy || u.restarts == 0) u.delay_ms = p.restart_delay_ms;

    if (!wants_restart(id)) {
        finish(id, false);
        return;
    }
    if (u.result != Result::TransientSpawn && !count_restart(id)) {
        finish(id, true);
        return;
    }
    ++u.restarts;
    // The delay counts from the end of the main process, not from the end of the clearing up.
    const Instant due = u.ended_at + next_delay(id);
    if (due <= now()) {
        u.cursor = 0;
        u.waits_for = kNoUnit;
        set_phase(id, Phase::Waiting);
        enqueue(id);
        return;
    }
    set_phase(id, Phase::Backoff);
    set_deadline(id, due);
}

void Core::finish(UnitId id, bool limit) {
    UnitRuntime& u = unit(id);
    const bool success = u.result == Result::Success || u.result == Result::None;
    u.flags &= ~(flag::kWanted | flag::kRoot);
    if (u.result != Result::Dependency) want(id, pending::kRelease);
    if (limit) {
        Reason reason = u.reason;
        reason.kind = ReasonKind::StartLimit;
        set_reason(id, reason);
        set_phase(id, Phase::Failed);
    } else if (!success) {
        set_phase(id, Phase::Failed);
    } else {
        set_phase(id, policy(id).type == UnitType::Oneshot ? Phase::Done : Phase::Down);
    }
    release_needs(id);
    act_on_outcome(id, limit);
}

void Core::fail_dependency(UnitId id, const Dependency& dead) {
    UnitRuntime& u = unit(id);
    const bool bound = dead.kind == DependencyKind::BindsTo;
    u.waits_for = kNoUnit;
    u.flags &= ~flag::kAgain;
    if (bound && unit(dead.target).phase != Phase::Failed) {
        // The unit it lives with was stopped, which is nobody's failure; they come back together.
        const std::uint32_t root = u.flags & flag::kRoot;
        u.flags &= ~(flag::kWanted | flag::kRoot);
        u.flags |= flag::kReturn | root;
        set_reason(id, ReasonKind::BoundUnitStopped, dead.target);
        set_phase(id, Phase::Down);
        release_needs(id);
        return;
    }
    u.result = Result::Dependency;
    set_reason(id, ReasonKind::Dependency, dead.target);
    finish(id, false);
    if (bound) u.flags |= flag::kReturn;
}

void Core::act_on_outcome(UnitId id, bool limit) {
    const UnitRuntime& u = unit(id);
    const UnitPolicy& p = policy(id);
    if (guest_->stage != Stage::Running) return;
    const bool success = u.result == Result::Success || u.result == Result::None;
    std::int32_t code = u.last_status.shell_code();
    const bool no_status = u.result == Result::Dependency;
    if (u.result == Result::Spawn || u.result == Result::TransientSpawn) {
        // As a shell says it: 127 not found, 126 not executable; 125 is our own failure.
        const bool exec = u.reason.stage == SpawnStage::Exec;
        code = !exec ? 125 : u.reason.error == ENOENT ? 127 : 126;
    }
    if (no_status || (!success && code == 0)) code = 1;
    if (success && p.type == UnitType::Target) code = 0;
    code = guest_code(id, code);

    std::size_t which = success ? 0 : 1;
    if (limit && p.on_limit != OutcomeAction::None) which = 2;
    const OutcomeAction actions[] = {p.on_success, p.on_failure, p.on_limit};
    switch (actions[which]) {
    case OutcomeAction::None:
        break;
    case OutcomeAction::Exit:
        begin_shutdown(EndKind::Exit, code);
        return;
    case OutcomeAction::Shutdown:
        begin_shutdown(EndKind::Poweroff, code);
        return;
    case OutcomeAction::Reboot:
        begin_shutdown(EndKind::Reboot, code);
        return;
    case OutcomeAction::StartUnit:
        // A description from before a reload counts units as they were then.
        start_for_outcome(id, graph_.units[id].outcome_units[which]);
        break;
    }
    if (p.essential) begin_shutdown(EndKind::Exit, code);
}

void Core::start_for_outcome(UnitId id, UnitId next) {
    if (next >= size()) return;
    UnitRuntime& u = unit(next);
    // Two units that start each other when they fail for want of something else would do so for
    // ever within one event.
    if (unit(id).result == Result::Dependency && unit(id).trigger != kNoUnit) return;
    if (!is_at_rest(u.phase) || !count_restart(next)) return;
    u.flags |= flag::kRoot;
    u.trigger = id;
    admit(next);
}

} // namespace stead::engine
