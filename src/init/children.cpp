#include "init/children.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "init/adopt.h"
#include "init/cgroups.h"
#include "init/conditions.h"
#include "init/environment.h"
#include "init/loop.h"
#include "init/notify.h"
#include "init/output.h"
#include "init/say.h"
#include "init/sockets.h"
#include "sys/clone.h"
#include "sys/events.h"
#include "sys/unix_socket.h"

namespace stead::init {

namespace {

/// clone3 is answered with ENOSYS by the filter of a guest whose users are the host's.
Result<pid_t> clone_into(Child& child, spawn::Child& prepared, int cgroup) {
    auto cloned = sys::clone_process_into(cgroup, child.pid, child.pidfd.value);
    if (cloned || cloned.error().code != ENOSYS) return cloned;
    prepared.cgroup = cgroup;
    return sys::clone_process_plain_into(child.pid, child.pidfd.value);
}

bool wants_notify_socket(const Supervisor& self, UnitId unit) {
    const UnitPolicy& policy = self.table.policy(unit);
    return policy.type == UnitType::Notify || policy.ready == ReadyKind::Notify ||
           policy.type == UnitType::Oneshot || policy.watchdog_ms != 0 ||
           self.table.descriptor_store(unit) != 0;
}

/// What the unit's commands are told by environment variables.
void add_supervisor_words(Supervisor& self,
                          ChildStrings& strings,
                          UnitId unit,
                          CommandRole role,
                          spawn::Child& prepared) {
    const UnitPolicy& policy = self.table.policy(unit);
    if (wants_notify_socket(self, unit) && self.notify)
        strings.add_joined("NOTIFY_SOCKET=", self.notify_path.view());

    if (role == CommandRole::Main && policy.watchdog_ms != 0) {
        FixedString<24> microseconds;
        microseconds.append_number(std::int64_t{policy.watchdog_ms} * 1000);
        strings.add_joined("WATCHDOG_USEC=", microseconds.view());
        prepared.own_pid[0] = strings.add_joined("WATCHDOG_PID=", "          ");
    }
    if (role == CommandRole::Main && !serves_connections(self, unit))
        hand_descriptors(self, unit, strings, prepared);
    if (role != CommandRole::Main) {
        if (const Child* main = find_child(self, unit, CommandRole::Main)) {
            FixedString<12> pid;
            strings.add_joined("MAINPID=", pid.append_number(main->pid).view());
        }
    }
    add_trigger(self, strings, unit);
    if (role == CommandRole::PostStop || role == CommandRole::PreStop)
        add_result(self, strings, unit, "RESULT=", "EXIT_CODE=", "EXIT_STATUS=");
}

/// Folders are made before the first command of a start, and again for each later one: a hook may
/// have removed them, and making them twice changes nothing.
void fill_directories(Supervisor& self, UnitId unit, spawn::Child& prepared) {
    auto& folders = self.scratch->directories;
    const std::size_t count = std::min<std::size_t>(prepared.exec.directory_count, folders.size());
    for (std::size_t i = 0; i < count; ++i)
        folders[i] = self.table.directory(unit, i);
    prepared.directories = {folders.data(), count};
}

Result<sys::UniqueFd> unit_cgroup(Supervisor& self, UnitId unit, const ExecView& exec) {
    if (!self.cgroups.units) {
        if (exec.require && exec.cgroup_setting_count != 0)
            return make_error("no cgroup at hand", {}, ENOENT);
        return sys::UniqueFd();
    }
    Unit& record = self.units[unit];
    if (record.cgroup_killed && !has_processes(self, unit)) {
        // Linux 6.14 to 6.18 compare kill counts of the wrong cgroups in a clone into a cgroup:
        // what is born in one that was killed before dies at once. A new folder starts at zero.
        record.cgroup_events.close();
        remove_cgroup(self, self.table.name(unit));
        record.has_cgroup = false;
        record.cgroup_killed = false;
        record.oom_kills = 0;
    }
    auto cgroup = make_cgroup(self, self.table.name(unit));
    if (!cgroup) {
        if (self.launched || exec.require) return cgroup.error();
        return sys::UniqueFd();
    }
    const bool fresh = !record.has_cgroup;
    record.has_cgroup = true;
    for (std::size_t i = 0; fresh && i < exec.cgroup_setting_count; ++i) {
        const auto set = set_level(self, cgroup->get(), self.table.cgroup_setting(unit, i));
        if (!set && (self.launched || exec.require)) return set.error();
    }
    return cgroup;
}

void tell_failure(Supervisor& self, const engine::Action& action, SpawnStage stage, int error) {
    const engine::Event event{.kind = engine::EventKind::SpawnFailed,
                              .role = action.role,
                              .stage = stage,
                              .unit = action.unit,
                              .error = error,
                              .ticket = action.ticket};
    say_spawn_failure(self, event);
    tell_engine(self, event);
}

/// The one with which a start begins.
bool is_first_command(Supervisor& self, const engine::Action& action) {
    if (action.role == CommandRole::PreStart) return action.index == 0;
    const auto& counts = self.table.policy(action.unit).command_counts;
    return action.role == CommandRole::Main &&
           counts[static_cast<std::size_t>(CommandRole::PreStart)] == 0;
}

bool is_command_main(Supervisor& self, const engine::Action& action) {
    return action.unit == self.table.command_unit() && action.role == CommandRole::Main;
}

} // namespace

Result<void>
prepare_command(Supervisor& self, const engine::Action& action, spawn::Child& prepared) {
    const ExecView exec = self.table.exec(action.unit);
    fill_common(self, prepared, exec);

    ChildStrings strings(*self.scratch);
    const StringList argv = self.table.command(action.unit, action.role, action.index);
    if (argv.empty()) return make_error("no command", {}, ENOENT);
    for (std::size_t i = 0; i < argv.size(); ++i)
        strings.add(argv.c_str(i));
    prepared.argv = strings.end_list();
    add_supervisor_words(self, strings, action.unit, action.role, prepared);
    add_credentials(self, strings, action.unit, prepared);
    add_environment(strings, exec, self.environment);
    prepared.environment = strings.end_list();
    if (strings.overflowed()) return make_error("argv and environment", {}, E2BIG);
    prepared.search_path = find_path(prepared.environment);

    fill_directories(self, action.unit, prepared);
    if (is_command_main(self, action)) {
        prepared.change_identity = false;
        prepared.controlling_terminal = self.gives_terminal;
        if (self.shares_session) prepared.session = spawn::Session::ForegroundGroup;
    }
    prepared.own_terminal = action.role == CommandRole::Main && !exec.terminal.empty();
    return fill_streams(self, action.unit, action.role, exec, prepared);
}

void add_result(Supervisor& self,
                ChildStrings& strings,
                UnitId unit,
                std::string_view result,
                std::string_view code,
                std::string_view status) {
    const Reason reason = self.engine->view(unit).reason;
    const bool killed = reason.status.kind == ExitStatus::Kind::Killed;
    FixedString<8> value;
    value.append_number(reason.status.value);
    strings.add_joined(result, result_word(reason));
    strings.add_joined(code, killed ? "killed" : "exited");
    strings.add_joined(status, value.view());
}

std::string_view result_word(const Reason& reason) {
    switch (reason.kind) {
    case ReasonKind::StartTimeout:
    case ReasonKind::StopTimeout:
        return "timeout";
    case ReasonKind::Watchdog:
        return "watchdog";
    case ReasonKind::Health:
        return "health";
    case ReasonKind::OomKill:
        return "oom-kill";
    case ReasonKind::StartLimit:
        return "start-limit-hit";
    case ReasonKind::SpawnFailed:
        return "resources";
    case ReasonKind::EndedBeforeReady:
        return "protocol";
    case ReasonKind::Exited:
    case ReasonKind::CommandFailed:
        if (reason.status.success()) return "success";
        return reason.status.kind == ExitStatus::Kind::Killed ? "signal" : "exit-code";
    case ReasonKind::None:
    case ReasonKind::NotStarted:
    case ReasonKind::NotNeeded:
    case ReasonKind::NotEnabled:
    case ReasonKind::ByHand:
    case ReasonKind::Boot:
    case ReasonKind::Shutdown:
    case ReasonKind::Dependency:
    case ReasonKind::Conflict:
    case ReasonKind::ConditionNotMet:
    case ReasonKind::BoundUnitStopped:
        break;
    }
    return "success";
}

Child* add_child(Supervisor& self) {
    for (std::size_t i = 0; i < self.children.size(); ++i) {
        if (self.children[i].pid != 0) continue;
        self.children_end = std::max(self.children_end, static_cast<std::uint32_t>(i + 1));
        return &self.children[i];
    }
    return nullptr;
}

Child* find_child(Supervisor& self, UnitId unit, CommandRole role) {
    for (Child& child : self.children.first(self.children_end)) {
        if (child.pid != 0 && !child.ended && !child.replaced && child.unit == unit &&
            child.role == role)
            return &child;
    }
    return nullptr;
}

Child* find_child(Supervisor& self, pid_t pid) {
    for (Child& child : self.children.first(self.children_end)) {
        if (child.pid == pid && pid != 0) return &child;
    }
    return nullptr;
}

void fill_common(Supervisor& self, spawn::Child& prepared, const ExecView& exec) {
    prepared.exec = exec;
    prepared.inherited = self.inherited;
    prepared.strict = self.launched || exec.require;
    prepared.open_files = self.open_files;
    prepared.restore_open_files = self.raised_open_files;

    const auto& guest = self.table.guest();
    if (!guest) {
        // Nobody set a ceiling: the container's own capabilities stay unless the unit names others.
        prepared.change_capabilities = exec.own_capabilities || exec.no_root;
        prepared.change_identity =
            exec.uid != ::geteuid() || exec.gid != ::getegid() || !exec.groups.empty();
        prepared.filters = {exec.filter, exec.ceiling_filter};
        return;
    }
    prepared.filters = {exec.filter, exec.ceiling_filter};
    // PID 1 of a guest with private users, and of a jail, runs under a wider filter than its units.
    // Children of any other guest inherit the filter that the launcher installed.
    const bool wider_init = guest->private_users || guest->no_new_privileges;
    if (exec.filter.empty() && wider_init) prepared.filters[0] = guest->filter;
}

Result<void> launch(Supervisor& self, Child& child, spawn::Child& prepared, int cgroup) {
    auto report = TRY(sys::make_pipe(O_NONBLOCK));
    prepared.report = report.write.get();

    // Everything that is to be known of the child is in its record before it exists.
    child.marked = false;
    child.executed = false;
    child.ended = false;
    child.failed_stage = SpawnStage::None;
    child.failed_error = 0;
    child.incoming = {};
    child.report.take(std::move(report.read));
    order_stores();
    const auto index = static_cast<std::size_t>(&child - self.children.data());
    // Nobody would hear that the program runs: rather there is no child.
    const auto watched = sys::watch(self.epoll.get(), child.report.get(), EPOLLIN,
                                    event_data(Source::Report, index));
    const auto cloned = watched ? clone_into(child, prepared, cgroup) : watched.error();
    if (cloned && *cloned == 0) spawn::become(prepared);
    if (!cloned) {
        // A failed clone may have written a number that is no descriptor any more.
        child.pidfd.value = 0;
        child.report.close();
        return cloned.error();
    }
    return {};
}

void start_command(Supervisor& self, const engine::Action& action) {
    if (self.adoption != Adoption::None && adopt(self, action)) return;
    const ExecView exec = self.table.exec(action.unit);
    if (is_first_command(self, action) && !conditions_hold(self, exec)) {
        return tell_engine(self, engine::EventKind::Skipped, action);
    }
    if (is_first_command(self, action)) {
        const auto opened = open_sockets(self, action.unit);
        if (!opened) {
            say_error(self, self.table.name(action.unit), opened.error());
            return tell_failure(self, action, SpawnStage::Sockets, opened.error().code);
        }
    }
    if (action.role == CommandRole::Main && serves_connections(self, action.unit)) {
        tell_engine(self, engine::EventKind::Skipped, action, engine::kServesConnections);
        return watch_sockets(self, action.unit);
    }
    auto cgroup = unit_cgroup(self, action.unit, exec);
    if (!cgroup) return tell_failure(self, action, SpawnStage::Cgroup, cgroup.error().code);

    spawn::Child prepared;
    const auto ready = prepare_command(self, action, prepared);
    if (!ready) {
        const bool strings = ready.error().code == E2BIG || ready.error().code == ENOENT;
        const SpawnStage stage = strings ? SpawnStage::Exec : SpawnStage::Descriptors;
        close_ready_write(prepared);
        return tell_failure(self, action, stage, ready.error().code);
    }
    Child* child = add_child(self);
    if (child == nullptr) {
        close_ready_write(prepared);
        return tell_failure(self, action, SpawnStage::Clone, EAGAIN);
    }
    child->unit = action.unit;
    child->role = action.role;
    child->ticket = action.ticket;
    if (action.role == CommandRole::Main) self.units[action.unit].main_ticket = action.ticket;
    const auto launched = launch(self, *child, prepared, cgroup->get());
    close_ready_write(prepared);
    if (!launched) return tell_failure(self, action, SpawnStage::Clone, launched.error().code);

    if (action.role == CommandRole::Main) self.units[action.unit].group = child->pid;
    tell_engine(self, engine::EventKind::Spawned, action);
}

} // namespace stead::init
