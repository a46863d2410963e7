#include "init/timers.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "init/loop.h"
#include "init/say.h"
#include "init/sockets.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/file.h"

namespace stead::init {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kStampFolder = "/var/lib/stead/timers";

Duration milliseconds(std::uint32_t count) {
    return Duration{std::int64_t{count} * 1'000'000};
}

/// Something between nothing and `most_ms`.
Duration chance(Supervisor& self, std::uint32_t most_ms) {
    if (most_ms == 0) return {};
    // Any mixing of bits will do; it keeps guests that booted together apart.
    self.chance = self.chance * 6364136223846793005U + static_cast<std::uint64_t>(sys::now().ns);
    return milliseconds(static_cast<std::uint32_t>((self.chance >> 33U) % (most_ms + 1ULL)));
}

/// That of a unit which a reload has not disabled meanwhile.
std::optional<TimerView> timer_of(const Supervisor& self, UnitId unit) {
    if (!self.table.policy(unit).enabled) return std::nullopt;
    return self.table.timer(unit);
}

std::span<Timer> timers_in(Supervisor& self) {
    return std::span(self.timers).first(self.timer_end);
}

FixedString<kMaxUnitName + 32> stamp_of(Supervisor& self, UnitId unit) {
    FixedString<kMaxUnitName + 32> path(kStampFolder);
    return path.append("/").append(self.table.name(unit));
}

/// Remembers the start of `unit` as the time of an empty file.
void stamp(Supervisor& self, UnitId unit) {
    (void)::mkdirat(AT_FDCWD, "/var/lib/stead", 0755);
    (void)::mkdirat(AT_FDCWD, kStampFolder, 0755);
    const int fd = ::open(stamp_of(self, unit).c_str(),
                          O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    const bool done = fd >= 0 && ::syscall(SYS_utimensat, fd, nullptr, nullptr, 0) == 0;
    if (fd >= 0) ::close(fd);
    if (!done)
        say_about(self, Priority::Warning, self.table.name(unit),
                  "its last start cannot be remembered in /var/lib/stead/timers");
}

/// When the calendar asks for `unit` next, seen from `from` (nanoseconds since 1970).
void plan_wall(Supervisor& self, Timer& timer, const TimerView& view, std::int64_t from) {
    timer.wall = kNeverElapses;
    if ((view.flags & kTimerCalendar) == 0) return;
    const std::int64_t next = next_elapse(view.calendar, view.zone, from / kSecond);
    if (next != kNeverElapses)
        timer.wall = (Duration{next * kSecond} + chance(self, view.jitter_ms)).ns;
}

Timer* add_timer(Supervisor& self, UnitId unit, bool listens) {
    for (Timer& timer : timers_in(self))
        if (timer.unit == unit && timer.listens == listens) return &timer;
    if (self.timer_end == self.timers.size()) return nullptr;
    Timer& timer = self.timers[self.timer_end];
    timer = {.unit = unit, .listens = listens};
    order_stores();
    ++self.timer_end;
    return &timer;
}

void arm_timer_of(Supervisor& self, UnitId unit, const TimerView& view) {
    Timer* timer = add_timer(self, unit, false);
    // After a reload what is as it was goes on as it was.
    if (timer == nullptr || (timer->digest != 0 && timer->digest == self.table.digest(unit)))
        return;
    timer->digest = self.table.digest(unit);
    timer->at = Instant::never();
    const bool on_boot = (view.flags & kTimerOnBoot) != 0;
    if (on_boot || view.every_ms != 0)
        timer->at = self.boot_time + milliseconds(on_boot ? view.on_boot_ms : view.every_ms) +
                    chance(self, view.jitter_ms);
    std::int64_t from = sys::realtime_now();
    if ((view.flags & kTimerPersistent) != 0) {
        const auto last = sys::status_at(AT_FDCWD, stamp_of(self, unit).c_str(), 0);
        // The first time ever there is nothing to make up for, but from now on there is.
        if (!last) stamp(self, unit);
        if (last) from = std::min(from, std::int64_t{last->st_mtim.tv_sec} * kSecond);
    }
    plan_wall(self, *timer, view, from);
}

void start_by_clock(Supervisor& self, UnitId unit, const TimerView& view) {
    if ((view.flags & kTimerPersistent) != 0) stamp(self, unit);
    tell_engine(self, engine::EventKind::Start, unit);
}

void arm_wall_clock(Supervisor& self) {
    std::int64_t next = kNeverElapses;
    for (const Timer& timer : timers_in(self))
        if (timer.wall != 0) next = std::min(next, timer.wall);
    if (next == kNeverElapses && !self.wall_clock) return;
    if (!self.wall_clock) {
        auto clock = sys::make_wall_timer();
        if (!clock) return say_error(self, "calendars", clock.error());
        self.wall_clock.take(std::move(*clock));
        (void)sys::watch(self.epoll.get(), self.wall_clock.get(), EPOLLIN,
                         event_data(Source::WallClock));
    }
    (void)sys::set_wall_timer(self.wall_clock.get(), next);
}

} // namespace

void arm_activation(Supervisor& self) {
    // What a reload has taken away begins anew when another brings it back.
    for (Timer& timer : timers_in(self)) {
        if (timer.listens || timer_of(self, timer.unit)) continue;
        timer.digest = 0;
        timer.at = Instant::never();
        timer.wall = 0;
    }
    for (std::size_t i = 0; i < self.table.live() && self.target == kNoUnit; ++i) {
        const auto unit = static_cast<UnitId>(i);
        const UnitPolicy& policy = self.table.policy(unit);
        if (!policy.enabled || (policy.traits & kOnDemand) == 0) continue;
        if (const auto timer = self.table.timer(unit)) arm_timer_of(self, unit, *timer);
        if (self.table.socket_count(unit) == 0 || !self.engine->settled(unit) ||
            self.engine->view(unit).state == UnitState::Up)
            continue;
        if (open_sockets(self, unit)) {
            watch_sockets(self, unit);
        } else {
            // The start fails for the same reason, and says it.
            tell_engine(self, engine::EventKind::Start, unit);
        }
    }
    watch_wall_clock(self);
}

void watch_wall_clock(Supervisor& self) {
    arm_wall_clock(self);
}

void serve_wall_clock(Supervisor& self) {
    std::uint64_t count = 0;
    const bool was_set =
        ::read(self.wall_clock.get(), &count, sizeof count) < 0 && errno == ECANCELED;
    const std::int64_t now = sys::realtime_now();
    for (Timer& timer : timers_in(self)) {
        const auto view = timer_of(self, timer.unit);
        if (!view) timer.wall = 0;
        const bool due = timer.wall != 0 && timer.wall <= now;
        if (!view || timer.listens || (!due && !was_set)) continue;
        // What the clock was set past is made up for once.
        if (due) start_by_clock(self, timer.unit, *view);
        plan_wall(self, timer, *view, now);
    }
    arm_wall_clock(self);
}

void fire_timers(Supervisor& self) {
    const Instant now = sys::now();
    for (Timer& timer : timers_in(self)) {
        if (now < timer.at) continue;
        if (timer.listens) {
            timer.at = Instant::never();
            watch_sockets(self, timer.unit);
            continue;
        }
        const auto view = timer_of(self, timer.unit);
        const Instant was = std::exchange(timer.at, Instant::never());
        if (!view) continue;
        start_by_clock(self, timer.unit, *view);
        const Duration every = milliseconds(view->every_ms);
        if (every.ns != 0) timer.at = std::max(was + every, now) + chance(self, view->jitter_ms);
    }
}

Instant timer_deadline(const Supervisor& self) {
    Instant next = Instant::never();
    for (const Timer& timer : std::span(self.timers).first(self.timer_end))
        next = earlier(next, timer.at);
    return next;
}

Instant next_start(const Supervisor& self, UnitId unit) {
    for (const Timer& timer : std::span(self.timers).first(self.timer_end)) {
        if (timer.unit != unit || timer.listens || !timer_of(self, unit)) continue;
        if (timer.wall == 0 || timer.wall == kNeverElapses) return timer.at;
        return earlier(timer.at, sys::now() + Duration{timer.wall - sys::realtime_now()});
    }
    return Instant::never();
}

void listen_later(Supervisor& self, UnitId unit) {
    Timer* timer = add_timer(self, unit, true);
    if (timer == nullptr) return watch_sockets(self, unit);
    timer->at = sys::now() + milliseconds(self.table.policy(unit).restart_delay_ms);
}

} // namespace stead::init
