#include "cli/words.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/signal_name.h"
#include "sys/clock.h"

namespace stead::cli {

namespace {

/// The name at `value`; records check their numbers, so it is there.
template <typename Enum, std::size_t Size>
std::string_view name_in(const std::array<std::string_view, Size>& names, Enum value) {
    const auto index = static_cast<std::size_t>(value);
    return index < Size ? names[index] : std::string_view("unknown");
}

constexpr std::array<std::string_view, 8> kStates = {"down",     "waiting", "starting", "up",
                                                     "stopping", "backoff", "failed",   "done"};
constexpr std::array<std::string_view, 3> kGuestStates = {"starting", "up", "stopping"};
constexpr std::array<std::string_view, 6> kTypes = {"exec",    "notify",  "notify-fd",
                                                    "forking", "oneshot", "target"};
constexpr std::array<std::string_view, 21> kReasons = {"none",
                                                       "not-started",
                                                       "not-enabled",
                                                       "by-hand",
                                                       "boot",
                                                       "shutdown",
                                                       "dependency",
                                                       "conflict",
                                                       "exited",
                                                       "command-failed",
                                                       "spawn-failed",
                                                       "start-timeout",
                                                       "stop-timeout",
                                                       "watchdog",
                                                       "health",
                                                       "oom-kill",
                                                       "start-limit",
                                                       "ended-before-ready",
                                                       "condition-not-met",
                                                       "bound-unit-stopped",
                                                       "not-needed"};
constexpr std::array<std::string_view, kCommandRoles> kRoles = {
    "pre-start",    "command",   "post-start",  "reload",      "pre-stop",
    "stop.command", "post-stop", "ready probe", "health probe"};

std::string quoted(const std::string& name) {
    return "'" + safe(name) + "'";
}

std::string spawn_words(const UnitRecord& unit) {
    const auto role = static_cast<CommandRole>(unit.reason.role);
    std::string text = role == CommandRole::Main
                           ? "its program could not be started"
                           : std::string(role_name(role)) + " could not be started";
    text.append(": ").append(stage_name(unit.reason.stage));
    if (unit.reason.error != 0) text.append(": ").append(error_words(unit.reason.error));
    return text;
}

std::string dependency_words(const UnitRecord& unit) {
    const std::string other = unit.reason_unit.empty() ? "a unit" : quoted(unit.reason_unit);
    if (unit.state == UnitState::Waiting) return "waits for " + other + ", which it needs";
    return other + ", which it needs, is not up";
}

std::string by_hand_words(UnitState state) {
    const bool stopped = state == UnitState::Down || state == UnitState::Stopping;
    return stopped ? "stopped by hand" : "started by hand";
}

} // namespace

std::string ending_words(const guests::Ending& ending) {
    const std::int64_t now = sys::realtime_now() / 1'000'000'000;
    const Duration ago{std::max<std::int64_t>(now - ending.ended, 0) * 1'000'000'000};
    const std::string what = ending.reboot      ? "ended for a reboot"
                             : ending.code == 0 ? "ended in order"
                                                : "ended with code " + std::to_string(ending.code);
    return what + ", " + duration_words(ago) + " ago";
}

std::string error_words(int code) {
    // One thread.
    std::string text = std::strerror(code); // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = errno_name(code);
    if (!name.empty()) text.append(" (").append(name).append(")");
    return text;
}

std::string_view state_name(UnitState state) {
    return name_in(kStates, state);
}

std::string_view guest_state_name(wire::GuestState state) {
    return name_in(kGuestStates, state);
}

std::string_view type_name(UnitType type) {
    return name_in(kTypes, type);
}

std::string_view reason_name(ReasonKind kind) {
    return name_in(kReasons, kind);
}

std::string_view role_name(CommandRole role) {
    return name_in(kRoles, role);
}

Colour state_colour(UnitState state) {
    switch (state) {
    case UnitState::Up:
    case UnitState::Done:
        return Colour::Green;
    case UnitState::Failed:
        return Colour::Red;
    case UnitState::Backoff:
    case UnitState::Starting:
    case UnitState::Stopping:
    case UnitState::Waiting:
        return Colour::Yellow;
    case UnitState::Down:
        return Colour::Dim;
    }
    return Colour::None;
}

std::string duration_words(Duration duration) {
    const std::int64_t ms = duration.ns < 0 ? 0 : duration.ms();
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    if (ms < 1000) return number(ms) + " ms";
    const std::int64_t seconds = ms / 1000;
    if (seconds < 10) return number(seconds) + "." + number(ms / 100 % 10) + " s";
    if (seconds < 60) return number(seconds) + " s";
    const auto pair = [&](std::int64_t big, std::string_view unit, std::int64_t small,
                          std::string_view part) {
        std::string text = number(big).append(" ").append(unit);
        if (small > 0) text.append(" ").append(number(small)).append(" ").append(part);
        return text;
    };
    if (seconds < 3600) return pair(seconds / 60, "min", seconds % 60, "s");
    if (seconds < 86'400) return pair(seconds / 3600, "h", seconds / 60 % 60, "min");
    return pair(seconds / 86'400, "d", seconds / 3600 % 24, "h");
}

std::string exit_words(ExitStatus status) {
    const std::string value = std::to_string(status.value);
    switch (status.kind) {
    case ExitStatus::Kind::Exited:
        return "ended with code " + value;
    case ExitStatus::Kind::Killed: {
        const std::string_view name = signal_name(status.value);
        std::string text = "was killed by signal " + value;
        if (!name.empty()) text.append(" (").append(name).append(")");
        return text;
    }
    case ExitStatus::Kind::Unknown:
        return "ended, nobody knows how";
    }
    return "ended";
}

bool is_late_reload(const Reason& reason) {
    return reason.kind == ReasonKind::CommandFailed &&
           reason.status.kind == ExitStatus::Kind::Unknown &&
           reason.role == static_cast<std::uint8_t>(CommandRole::Reload);
}

std::string reason_sentence(const UnitRecord& unit) {
    const bool silent = unit.reason.kind == ReasonKind::None;
    if (silent && unit.changed)
        return "its file has changed since it was started; a restart takes it";
    if (silent && unit.ghost) return "has no file; it is gone when it is down";
    const Reason& reason = unit.reason;
    const auto role = role_name(static_cast<CommandRole>(reason.role));
    const std::string other = unit.reason_unit.empty() ? "another unit" : quoted(unit.reason_unit);
    switch (reason.kind) {
    case ReasonKind::None:
        return "";
    case ReasonKind::NotStarted:
        if (unit.awaits_arrival) return "waits for something to arrive at its sockets";
        if (!unit.next_attempt.is_never())
            return "its timer starts it in " + duration_words(unit.next_attempt - unit.now);
        return "nothing has started it yet";
    case ReasonKind::NotEnabled:
        return "it is not enabled, and nothing has started it";
    case ReasonKind::ByHand:
        return by_hand_words(unit.state);
    case ReasonKind::Boot:
        return "started with the guest";
    case ReasonKind::Shutdown:
        return "the guest is shutting down";
    case ReasonKind::Dependency:
        return dependency_words(unit);
    case ReasonKind::Conflict:
        return "it cannot run beside " + other;
    case ReasonKind::Exited:
        return "its main process " + exit_words(reason.status);
    case ReasonKind::CommandFailed:
        if (is_late_reload(reason)) return "its reload was not over in time";
        return std::string(role) + " " + exit_words(reason.status);
    case ReasonKind::SpawnFailed:
        return spawn_words(unit);
    case ReasonKind::StartTimeout:
        return "it was not ready in time";
    case ReasonKind::StopTimeout:
        return "it did not stop in time and was killed";
    case ReasonKind::Watchdog:
        return "it missed its watchdog's interval";
    case ReasonKind::Health:
        return "its health probe failed";
    case ReasonKind::OomKill:
        return "the kernel killed it: out of memory";
    case ReasonKind::StartLimit:
        return "it was restarted too often; its main process last " + exit_words(reason.status);
    case ReasonKind::EndedBeforeReady:
        return "its main process " + exit_words(reason.status) + " before it was ready";
    case ReasonKind::ConditionNotMet:
        return "one of its conditions does not hold";
    case ReasonKind::NotNeeded:
        return "nothing needs it any more";
    case ReasonKind::BoundUnitStopped:
        return other + ", which it is bound to, stopped";
    }
    return "";
}

std::string state_sentence(const UnitRecord& unit) {
    std::string text(state_name(unit.state));
    // Never started: there is no moment it came into its state.
    const bool dated = unit.reason.kind != ReasonKind::NotStarted && unit.since.ns > 0;
    if (dated) text.append(" for ").append(duration_words(unit.age()));
    if (unit.state == UnitState::Backoff && !unit.next_attempt.is_never()) {
        text.append(", next attempt in ");
        text.append(duration_words(unit.next_attempt - unit.now));
    } else if (!unit.next_attempt.is_never()) {
        text.append(", its timer starts it in ");
        text.append(duration_words(unit.next_attempt - unit.now));
    }
    const bool rests = unit.state == UnitState::Down || unit.state == UnitState::Done;
    if (rests && unit.awaits_arrival) text.append(", starts with the first arrival at its sockets");
    return text;
}

} // namespace stead::cli
