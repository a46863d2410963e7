#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "init/cgroups.h"
#include "init/children.h"
#include "init/digits.h"
#include "init/loop.h"
#include "init/main_process.h"
#include "init/notify.h"
#include "init/output.h"
#include "init/say.h"
#include "init/transient.h"
#include "sys/clock.h"
#include "sys/events.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/signals.h"

namespace stead::init {

namespace {

/// One turn's time for ended children. Among thousands of living ones the kernel looks long for
/// each that has ended, so a count alone would bound nothing.
constexpr Duration kReapTime = 2_ms;
constexpr int kReapsPerLook = 4;
/// How long a killed orphan may need to be gone: half a second.
constexpr int kLeftoverTries = 100;
constexpr int kLeftoverPauseMs = 5;

} // namespace

void tell_executed(Supervisor& self, Child& child) {
    if (child.unit == kNoUnit) {
        transient_started(self, child.transient);
        return;
    }
    tell_engine(self, {.kind = engine::EventKind::Executed,
                       .role = child.role,
                       .unit = child.unit,
                       .ticket = child.ticket});
}

namespace {

/// The kernel kills with the same signal as anybody else; its own count tells them apart.
void look_for_oom(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    if (!record.has_cgroup) return;
    const std::int64_t kills = count_oom_kills(self, self.table.name(unit));
    if (kills > record.oom_kills) tell_engine(self, engine::EventKind::OomKilled, unit);
    record.oom_kills = kills;
}

void tell_ended(Supervisor& self, const Child& was) {
    const ExitStatus status = was.status;
    if (was.unit == kNoUnit) {
        transient_ended(self, was, status);
        return;
    }
    if (status == ExitStatus::killed(9)) look_for_oom(self, was.unit);
    engine::Event event{.kind = engine::EventKind::Exited,
                        .role = was.role,
                        .status = status,
                        .unit = was.unit,
                        .ticket = was.ticket};
    if (was.failed_stage != SpawnStage::None) {
        event.kind = engine::EventKind::SpawnFailed;
        event.stage = was.failed_stage;
        event.error = was.failed_error;
        say_spawn_failure(self, event);
    }
    tell_engine(self, event);
    // Without a cgroup nothing can tell the daemon that a forking unit has just left behind.
    const bool left_daemon = was.role == CommandRole::Main && status.success() &&
                             self.table.policy(was.unit).type == UnitType::Forking &&
                             !self.units[was.unit].has_cgroup &&
                             self.engine->view(was.unit).state == UnitState::Starting;
    if (!left_daemon) check_empty(self, was.unit);
}

/// An ended child is booked while it is still a zombie: until it is reaped its pid cannot mean
/// anybody else, so its last words and the signals to its group reach the right ones.
void book(Supervisor& self, const sys::Ended& ended) {
    Child* child = find_child(self, ended.pid);
    if (child != nullptr) {
        read_report(self, *child);
        if (child->unit != kNoUnit) read_ready(self, child->unit);
    }
    if (child != nullptr) {
        child->status = ended.status;
        order_stores();
        child->ended = true;
        order_stores();
    }
    siginfo_t info{};
    (void)::waitid(P_PID, static_cast<id_t>(ended.pid), &info, WEXITED | WNOHANG);
    if (child != nullptr) end_child(self, *child);
}

} // namespace

void end_child(Supervisor& self, Child& child) {
    tell_ended(self, child);
    child.report.close();
    child.pidfd.close();
    child.pid = 0;
    order_stores();
    child = {};
}

/// Orphans of a unit end without belonging to anybody in the table; with them the unit may have
/// become empty.
void check_watched(Supervisor& self) {
    for (std::size_t i = 0; i < self.units.size(); ++i) {
        if (self.units[i].watch_empty) check_empty(self, static_cast<UnitId>(i));
    }
}

namespace {

/// ESRCH: it has ended, and will be booked.
void send(const Child& child, int signal) {
    (void)::syscall(SYS_pidfd_send_signal, child.pidfd.get(), signal, nullptr, 0);
}

/// Without a cgroup: every child of the unit, and the main process's group.
void signal_group(Supervisor& self, UnitId unit, int signal) {
    const pid_t group = self.units[unit].group;
    for (const Child& child : self.children.first(self.children_end)) {
        if (child.pid == 0 || child.unit != unit) continue;
        // Before its own setsid a child is in PID 1's group; after it, the group's signal finds it.
        if (child.pid != group || !child.executed) send(child, signal);
    }
    if (group != 0) (void)::kill(-group, signal);
}

void signal_processes(Supervisor& self, const engine::Action& action, int signal) {
    if (action.scope == engine::Scope::All) {
        const bool reached = self.units[action.unit].has_cgroup &&
                             signal_cgroup(self, self.table.name(action.unit), signal);
        // Without descriptors the list of a cgroup is out of reach, our own children are not.
        if (!reached) signal_group(self, action.unit, signal);
        return;
    }
    const bool main = action.scope == engine::Scope::Main;
    const Child* child = find_child(self, action.unit, main ? CommandRole::Main : action.role);
    if (child != nullptr) send(*child, signal);
}

} // namespace

void take_report(Child& child) {
    if (child.incoming.stage == SpawnStage::None) return;
    if (child.incoming.error == 0) {
        child.marked = true;
    } else {
        child.failed_error = child.incoming.error;
        child.failed_stage = child.incoming.stage;
    }
    order_stores();
    child.incoming = {};
}

void read_report(Supervisor& self, Child& child) {
    while (child.report) {
        spawn::Report& report = child.incoming;
        const ssize_t size = ::read(child.report.get(), &report, sizeof report);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return;
        if (size != static_cast<ssize_t>(sizeof report)) {
            // End of file: execve closed the write end, or the child is gone.
            if (child.marked && child.failed_stage == SpawnStage::None) {
                child.executed = true;
                child.report.close();
                tell_executed(self, child);
            }
            child.report.close();
            return;
        }
        take_report(child);
    }
}

void end_taken_main(Supervisor& self, std::size_t index) {
    Child& child = self.children[index];
    if (child.pid == 0) return;
    siginfo_t info{};
    const auto id = static_cast<id_t>(child.pid);
    // A child of ours is reaped like all others.
    if (::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0) return;
    child.status = {ExitStatus::Kind::Unknown, 0};
    order_stores();
    child.ended = true;
    order_stores();
    end_child(self, child);
}

void reap_children(Supervisor& self) {
    self.more_children = false;
    bool orphans = false;
    const Instant enough = sys::now() + kReapTime;
    for (int count = 0; count < kPerTurn; ++count) {
        if (count % kReapsPerLook == kReapsPerLook - 1 && sys::now() >= enough) break;
        const auto ended = sys::next_ended(true);
        if (!ended || !*ended) {
            if (orphans) check_watched(self);
            return;
        }
        orphans = orphans || find_child(self, (*ended)->pid) == nullptr;
        book(self, **ended);
    }
    // The rest waits for the next turn, so that control clients are answered in between.
    self.more_children = true;
    if (orphans) check_watched(self);
}

bool has_processes(Supervisor& self, UnitId unit) {
    const Unit& record = self.units[unit];
    // Read whatever comes next: an unread change would wake PID 1 again and again.
    const bool populated = record.cgroup_events && is_populated(record.cgroup_events.get());
    for (const Child& child : self.children.first(self.children_end)) {
        if (child.pid != 0 && !child.ended && child.unit == unit) return true;
    }
    if (record.cgroup_events) return populated;
    if (record.has_cgroup) return is_populated(self, self.table.name(unit));
    return record.group != 0 && ::kill(-record.group, 0) == 0;
}

void watch_cgroup(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    auto events = open_events(self, self.table.name(unit));
    if (!events) return;
    record.cgroup_events.take(std::move(*events));
    (void)sys::watch(self.epoll.get(), record.cgroup_events.get(), EPOLLPRI,
                     event_data(Source::CgroupEvents, unit));
}

void check_empty(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    if (record.has_cgroup && !record.watch_empty && has_processes(self, unit))
        watch_cgroup(self, unit);
    // By the watched descriptor, which makes the changes until now old ones.
    if (has_processes(self, unit)) {
        record.watch_empty = true;
        return;
    }
    record.watch_empty = false;
    record.cgroup_events.close();
    record.group = 0;
    tell_engine(self, engine::EventKind::Emptied, unit);
}

void signal_unit(Supervisor& self, const engine::Action& action, bool and_continue) {
    // Those who write to it have ended: now the end of its input tells a logger to leave.
    if (self.engine->shutting_down()) self.units[action.unit].input_write.close();
    signal_processes(self, action, action.signal);
    if (and_continue) signal_processes(self, action, SIGCONT);
    if (action.scope == engine::Scope::All && !has_processes(self, action.unit))
        check_empty(self, action.unit);
}

void kill_unit(Supervisor& self, UnitId unit) {
    Unit& record = self.units[unit];
    if (record.has_cgroup) {
        kill_cgroup(self, self.table.name(unit));
        record.cgroup_killed = true;
    }
    for (const Child& child : self.children.first(self.children_end)) {
        if (child.pid == 0 || child.unit != unit) continue;
        if (!record.has_cgroup) (void)::kill(-child.pid, SIGKILL);
        send(child, SIGKILL);
    }
    if (!record.has_cgroup && record.group != 0) (void)::kill(-record.group, SIGKILL);
    check_empty(self, unit);
}

void kill_leftovers(Supervisor& self) {
    if (self.init_of_namespace) return; // The kernel kills a namespace with its PID 1.
    const auto file = sys::open_at(AT_FDCWD, "/proc/thread-self/children", O_RDONLY);
    if (!file) return;
    std::array<char, 4096> text;
    // Each round kills those that the last one left to us; the limit ends a fork bomb's lead.
    for (int round = 0; round < kPerTurn; ++round) {
        if (::lseek(file->get(), 0, SEEK_SET) < 0) return;
        const auto size = sys::read_full(file->get(), std::as_writable_bytes(std::span(text)));
        if (!size || *size == 0) return;
        DigitReader digits;
        for (const char c : std::string_view(text.data(), *size)) {
            const auto pid = digits.feed(c);
            // Our own unreaped children: the numbers cannot have come to mean others.
            if (pid && *pid > 1) (void)::kill(static_cast<pid_t>(*pid), SIGKILL);
        }
        // What sleeps in the kernel for ever is left to whoever comes after us.
        pid_t ended = 0;
        for (int tries = 0; tries < kLeftoverTries && ended >= 0; ++tries) {
            while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
            }
            if (ended == 0) (void)::poll(nullptr, 0, kLeftoverPauseMs);
        }
        if (ended == 0) return;
    }
}

} // namespace stead::init
