#include "init/loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "init/cgroups.h"
#include "init/children.h"
#include "init/conditions.h"
#include "init/control.h"
#include "init/crash.h"
#include "init/keeper.h"
#include "init/main_process.h"
#include "init/notify.h"
#include "init/output.h"
#include "init/probes.h"
#include "init/say.h"
#include "init/signals.h"
#include "init/sockets.h"
#include "init/timers.h"
#include "init/transient.h"
#include "init/upgrade.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/memory.h"

namespace stead::init {

namespace {

constexpr std::size_t kBatch = 16;
/// How long nothing has to happen until memory that only work needs goes back to the kernel.
constexpr int kRestAfterMs = 500;
/// How much of the stack work may have used; the kernel maps more than this at the start.
constexpr std::size_t kDeepStack = std::size_t{64} << 10U;

void release_unit(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    record.ready.close();
    record.probe.close();
    record.status_text.clear();
    remove_credentials(self, unit);
    release_sockets(self, unit);
    close_output(self, unit);
    if (record.has_cgroup && !has_processes(self, unit)) {
        record.cgroup_events.close();
        remove_cgroup(self, self.table.name(unit));
        record.has_cgroup = false;
        record.cgroup_killed = false;
        record.oom_kills = 0;
    }
}

void end_guest(Supervisor& self, const engine::Action& action) {
    self.ended = true;
    self.end = action.end;
    self.exit_code = action.value;
    if (action.unit != kNoUnit) {
        say_about(self, Priority::Error, self.table.name(action.unit),
                  "a process of it does not end (a hung file system?); leaving without it");
    }
}

} // namespace

void obey(Supervisor& self, const engine::Action& action) {
    switch (action.kind) {
    case engine::ActionKind::Spawn:
        return start_command(self, action);
    case engine::ActionKind::Signal:
        return signal_unit(self, action);
    case engine::ActionKind::KillAll:
        return kill_unit(self, action.unit);
    case engine::ActionKind::Probe:
        return start_probe(self, action.unit, action.role);
    case engine::ActionKind::Release:
        return release_unit(self, action.unit);
    case engine::ActionKind::Changed:
        return announce_change(self, action.unit);
    case engine::ActionKind::End:
        return end_guest(self, action);
    }
}

namespace {

/// How many units are up and failed, when that has changed: systemctl(1) shows it.
void tell_status(Supervisor& self) {
    std::uint32_t up = 0;
    std::uint32_t failed = 0;
    for (std::size_t i = 0; i < self.units.size(); ++i) {
        const UnitState state = self.engine->view(static_cast<UnitId>(i)).state;
        up += static_cast<std::uint32_t>(state == UnitState::Up);
        failed += static_cast<std::uint32_t>(state == UnitState::Failed);
    }
    const std::uint32_t both = up << 16U | failed;
    if (self.status_told == both) return;
    self.status_told = both;
    FixedString<80> words("STATUS=units up: ");
    words.append_number(up);
    if (failed != 0) words.append(", failed: ").append_number(failed);
    tell_readiness(self, words.view());
}

} // namespace

void obey_engine(Supervisor& self) {
    engine::Action action;
    while (!self.ended && self.engine->next(action))
        obey(self, action);
    if (self.adoption == Adoption::Told && self.engine->boot_settled())
        self.adoption = Adoption::None;
    if (self.ended || !self.engine->boot_settled()) return;
    if (!self.ready_told) {
        self.ready_told = true;
        self.ready_time = sys::now();
        tell_readiness(self, "READY=1");
    }
    tell_status(self);
}

namespace {

void arm_timer(Supervisor& self) {
    const Instant at = earlier(earlier(self.engine->deadline(), transient_deadline(self)),
                               earlier(client_deadline(self), timer_deadline(self)));
    if (at == self.armed) return;
    self.armed = at;
    (void)sys::set_timer(self.timer.get(), at);
}

void serve_timer(Supervisor& self) {
    std::uint64_t count = 0;
    (void)!::read(self.timer.get(), &count, sizeof count);
    self.armed = Instant::never();
    tell_engine(self, {.kind = engine::EventKind::Tick});
    fire_timers(self);
    end_overdue_transients(self);
    drop_stalled_clients(self);
}

void serve(Supervisor& self, const epoll_event& event) {
    const auto source = static_cast<Source>(event.data.u64 >> 32U);
    const auto index = static_cast<std::uint32_t>(event.data.u64);
    switch (source) {
    case Source::Signals:
        return serve_signals(self);
    case Source::Timer:
        return serve_timer(self);
    case Source::Notify:
        return read_notify(self);
    case Source::HostListener:
        return accept_clients(self, true);
    case Source::GuestListener:
        return accept_clients(self, false);
    case Source::Keeper:
        return serve_keeper(self, event.events);
    case Source::Client:
        return serve_client(self, self.clients[index], event.events);
    case Source::Report:
        return read_report(self, self.children[index]);
    case Source::MainEnd:
        return end_taken_main(self, index);
    case Source::Ready:
        return read_ready(self, static_cast<UnitId>(index));
    case Source::Probe:
        return finish_probe(self, static_cast<UnitId>(index));
    case Source::CgroupEvents:
        return check_empty(self, static_cast<UnitId>(index));
    case Source::Output:
        return read_output(self, static_cast<UnitId>(index), false);
    case Source::ErrorOutput:
        return read_output(self, static_cast<UnitId>(index), true);
    case Source::Syslog:
        return read_syslog(self);
    case Source::Socket:
        return serve_socket(self, index);
    case Source::WallClock:
        return serve_wall_clock(self);
    case Source::Console:
        return resume_console(self, static_cast<int>(index));
    }
}

/// Nearly all of its life PID 1 waits, hundreds of times on one machine: then it keeps what it
/// knows and no page more. A turn that does something may touch them again, so this comes once
/// after it.
void rest(Supervisor& self) {
    self.rested = true;
    sys::forget(std::as_writable_bytes(std::span(self.scratch, 1)));
    sys::forget_stack(kDeepStack);
}

void turn(Supervisor& self) {
    arm_timer(self);
    std::array<epoll_event, kBatch> events; // Filled by the kernel.
    const bool busy = self.more_children || self.more_notices;
    const int longest = self.rested ? -1 : kRestAfterMs;
    const auto count = sys::wait_events(self.epoll.get(), events, busy ? 0 : longest);
    if (!count) return;
    if (*count == 0 && !busy) return rest(self);
    self.rested = false;
    plan_crash(self);
    if (self.more_notices) read_notify(self);
    if (self.more_children) reap_children(self);
    for (std::size_t i = 0; i < *count && !self.ended; ++i) {
        serve(self, events[i]);
        obey_engine(self);
    }
    obey_engine(self);
    // What an empty cgroup or a refused start causes is said to the engine while it is obeyed.
    if (self.changed) settle_clients(self);
}

} // namespace

void tell_engine(Supervisor& self, const engine::Event& event) {
    self.engine->handle(event, sys::now());
    if (self.engine->uses_idle_memory()) (void)sys::give_back(self.engine->idle_memory());
    self.changed = true;
}

void tell_engine(Supervisor& self, engine::EventKind kind, UnitId unit, std::uint32_t value) {
    tell_engine(self, {.kind = kind, .unit = unit, .value = value});
}

void tell_engine(Supervisor& self,
                 engine::EventKind kind,
                 const engine::Action& action,
                 std::uint32_t value) {
    tell_engine(self, {.kind = kind,
                       .role = action.role,
                       .unit = action.unit,
                       .value = value,
                       .ticket = action.ticket});
}

void ask_shutdown(Supervisor& self, EndKind end) {
    if (!self.engine) {
        // Nothing has been started yet.
        self.ended = true;
        self.end = end;
        return;
    }
    if (!self.engine->shutting_down()) tell_readiness(self, "STOPPING=1");
    tell_engine(self, {.kind = engine::EventKind::Shutdown, .end = end});
}

Result<void> open_loop(Supervisor& self) {
    self.epoll.take(TRY(sys::make_epoll()));
    self.timer.take(TRY(sys::make_timer()));
    TRY(sys::watch(self.epoll.get(), self.timer.get(), EPOLLIN, event_data(Source::Timer)));
    TRY(catch_crashes(self));
    self.signals.take(TRY(open_signals()));
    TRY(sys::watch(self.epoll.get(), self.signals.get(), EPOLLIN, event_data(Source::Signals)));
    return {};
}

void run_loop(Supervisor& self) {
    tell_engine(self, engine::EventKind::Boot, self.target);
    arm_activation(self);
    remember_roots(self);
    continue_loop(self);
}

void continue_loop(Supervisor& self) {
    obey_engine(self);
    if (!self.ended) turn(self);
    end_upgrade(self);
    while (!self.ended)
        turn(self);
}

} // namespace stead::init
