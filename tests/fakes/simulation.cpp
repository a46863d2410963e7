#include "fakes/simulation.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include <errno.h>

namespace stead::fakes {

using engine::Action;
using engine::ActionKind;
using engine::Event;
using engine::EventKind;
using engine::Scope;

namespace {

std::string signal_name(int number) {
    switch (number) {
    case SIGTERM:
        return "TERM";
    case SIGHUP:
        return "HUP";
    case SIGINT:
        return "INT";
    case SIGKILL:
        return "KILL";
    case SIGABRT:
        return "ABRT";
    case SIGQUIT:
        return "QUIT";
    default:
        return "signal-" + std::to_string(number);
    }
}

std::string role_name(CommandRole role) {
    switch (role) {
    case CommandRole::PreStart:
        return "pre-start ";
    case CommandRole::Main:
        return "";
    case CommandRole::PostStart:
        return "post-start ";
    case CommandRole::Reload:
        return "reload ";
    case CommandRole::PreStop:
        return "pre-stop ";
    case CommandRole::Stop:
        return "stop-command ";
    case CommandRole::PostStop:
        return "post-stop ";
    case CommandRole::ReadyProbe:
        return "ready-probe ";
    case CommandRole::HealthProbe:
        return "health-probe ";
    }
    return "";
}

} // namespace

UnitPolicy Simulation::service() {
    UnitPolicy policy;
    policy.restart_delay_ms = 100;
    policy.restart_jitter_permille = 0;
    policy.restart_burst = 3;
    policy.restart_interval_ms = 60'000;
    policy.stop_steps = 1;
    policy.stop[0].wait_ms = 10'000;
    policy.stop[0].signal = SIGTERM;
    policy.command_counts[static_cast<std::size_t>(CommandRole::Main)] = 1;
    for (const int clean : {SIGHUP, SIGINT, SIGTERM, SIGPIPE})
        policy.success.add_signal(static_cast<std::uint8_t>(clean));
    return policy;
}

UnitPolicy Simulation::notify() {
    UnitPolicy policy = service();
    policy.type = UnitType::Notify;
    policy.ready = ReadyKind::Notify;
    return policy;
}

UnitPolicy Simulation::oneshot() {
    UnitPolicy policy = service();
    policy.type = UnitType::Oneshot;
    policy.restart = RestartPolicy::No;
    return policy;
}

UnitPolicy Simulation::target() {
    UnitPolicy policy;
    policy.type = UnitType::Target;
    return policy;
}

UnitId Simulation::add(const std::string& name, const UnitPolicy& policy) {
    names_.push_back(name);
    policies_.push_back(policy);
    links_.emplace_back();
    behaviours_.emplace_back();
    children_.emplace_back();
    left_behind_.push_back(false);
    spawns_.push_back(0);
    return static_cast<UnitId>(names_.size() - 1);
}

void Simulation::link(UnitId owner, DependencyKind kind, UnitId target) {
    links_[owner].push_back({target, kind, 0});
}

void Simulation::command(UnitId unit, CommandRole role, int count) {
    policies_[unit].command_counts[static_cast<std::size_t>(role)] =
        static_cast<std::uint8_t>(count);
}

UnitGraph Simulation::graph() {
    if (edges_.empty()) {
        for (std::size_t i = 0; i < policies_.size(); ++i) {
            policies_[i].first_dependency = static_cast<std::uint32_t>(edges_.size());
            policies_[i].dependency_count = static_cast<std::uint32_t>(links_[i].size());
            edges_.insert(edges_.end(), links_[i].begin(), links_[i].end());
        }
    }
    return {policies_, edges_};
}

engine::Engine& Simulation::engine() {
    if (engine_) return *engine_;
    const std::size_t bytes = engine::Engine::required_memory(graph());
    memory_ = std::make_unique<std::byte[]>(bytes);
    engine_ = std::make_unique<engine::Engine>(graph(), std::span(memory_.get(), bytes), settings);
    return *engine_;
}

const engine::UnitRuntime& Simulation::runtime(UnitId unit) {
    (void)engine();
    return engine::Core(graph(), memory_.get()).unit(unit);
}

void Simulation::shutdown(int code, EndKind end) {
    Event event;
    event.kind = EventKind::Shutdown;
    event.value = static_cast<std::uint32_t>(code);
    event.end = end;
    send(event);
}

void Simulation::send(EventKind kind, UnitId unit, std::uint32_t value) {
    Event event;
    event.kind = kind;
    event.unit = unit;
    event.value = value;
    send(event);
}

void Simulation::send(const Event& event) {
    events_.push_back(event);
    pump();
}

void Simulation::pump() {
    Action action;
    while (!events_.empty()) {
        const Event event = events_.front();
        events_.pop_front();
        engine().handle(event, now_);
        while (engine().next(action))
            act(action);
    }
}

void Simulation::advance(Duration time) {
    const Instant until = now_ + time;
    while (engine().deadline() <= until) {
        now_ = std::max(now_, engine().deadline());
        send(EventKind::Tick, kNoUnit);
    }
    now_ = until;
}

Event Simulation::event(EventKind kind, UnitId unit, const Child& child) {
    Event event;
    event.kind = kind;
    event.unit = unit;
    event.role = child.role;
    event.ticket = child.ticket;
    return event;
}

void Simulation::act(const Action& action) {
    if (ended()) sane_ = false;
    const std::string name = action.unit == kNoUnit ? "" : names_[action.unit];
    switch (action.kind) {
    case ActionKind::Spawn:
        spawn(action);
        return;
    case ActionKind::Signal:
        deliver(action);
        return;
    case ActionKind::KillAll:
        kill(action.unit);
        return;
    case ActionKind::Probe:
        if (action.role == CommandRole::HealthProbe) {
            trace_.push_back("check " + name);
            if (behaviours_[action.unit].healthy)
                events_.push_back(event(EventKind::Healthy, action.unit, {}));
            return;
        }
        trace_.push_back("probe " + name);
        if (behaviours_[action.unit].probe_holds)
            events_.push_back(event(EventKind::Ready, action.unit, {}));
        return;
    case ActionKind::Release:
        trace_.push_back("release " + name);
        return;
    case ActionKind::Changed:
        return;
    case ActionKind::End:
        trace_.push_back("end " + std::to_string(action.value));
        end_ = action;
        ++ends_;
        return;
    }
}

void Simulation::spawn(const Action& action) {
    const UnitId unit = action.unit;
    const Behaviour& behaviour = behaviours_[unit];
    const bool main = action.role == CommandRole::Main;
    trace_.push_back("spawn " + role_name(action.role) + names_[unit]);
    Child& child = children_[unit][action.role];
    if (child.alive) sane_ = false;
    child = {action.role, action.ticket, true};
    if (main) ++spawns_[unit];

    if (behaviour.skipped) {
        child.alive = false;
        events_.push_back(event(EventKind::Skipped, unit, child));
        return;
    }
    if (main && behaviour.spawn_error != 0) {
        child.alive = false;
        Event failed = event(EventKind::SpawnFailed, unit, child);
        failed.stage = behaviour.spawn_stage;
        failed.error = behaviour.spawn_error;
        events_.push_back(failed);
        return;
    }
    events_.push_back(event(EventKind::Spawned, unit, child));
    if (!behaviour.executes && main) return;
    events_.push_back(event(EventKind::Executed, unit, child));
    if (main || !behaviour.hooks_end) return;
    const bool probe = action.role == CommandRole::ReadyProbe;
    const bool check = action.role == CommandRole::HealthProbe;
    const int code = check   ? (behaviour.healthy ? 0 : 1)
                     : probe ? (behaviour.probe_holds ? 0 : 1)
                             : behaviour.hook_code;
    end_child(unit, action.role, ExitStatus::exited(code));
}

void Simulation::kill(UnitId unit) {
    trace_.push_back("kill " + names_[unit]);
    if (behaviours_[unit].immortal) return;
    std::vector<CommandRole> victims;
    for (const auto& [role, child] : children_[unit])
        if (child.alive) victims.push_back(role);
    const bool leaves_child = std::exchange(behaviours_[unit].leaves_child, false);
    left_behind_[unit] = false;
    for (const CommandRole role : victims)
        end_child(unit, role, ExitStatus::killed(SIGKILL));
    behaviours_[unit].leaves_child = leaves_child;
    if (victims.empty()) report_empty(unit);
}

void Simulation::deliver(const Action& action) {
    const UnitId unit = action.unit;
    const Behaviour& behaviour = behaviours_[unit];
    const bool all = action.scope == Scope::All;
    trace_.push_back(signal_name(action.signal) + " " + (all ? "all of " : role_name(action.role)) +
                     names_[unit]);
    if (behaviour.immortal) return;
    const bool obeys = action.signal == SIGKILL || (behaviour.obeys && action.signal != SIGHUP);
    bool found = false;
    std::vector<CommandRole> victims;
    for (const auto& [role, child] : children_[unit]) {
        if (!child.alive || (!all && role != action.role)) continue;
        found = true;
        if (obeys) victims.push_back(role);
    }
    const bool lonely = all && !found && left_behind_[unit];
    if (lonely && obeys) left_behind_[unit] = false;
    for (const CommandRole role : victims)
        end_child(unit, role, ExitStatus::killed(action.signal));
    if (all && !found) report_empty(unit);
}

void Simulation::end_child(UnitId unit, CommandRole role, ExitStatus status) {
    Child& child = children_[unit][role];
    if (!child.alive) {
        sane_ = false;
        return;
    }
    child.alive = false;
    if (role == CommandRole::Main && behaviours_[unit].leaves_child) left_behind_[unit] = true;
    Event exited = event(EventKind::Exited, unit, child);
    exited.status = status;
    events_.push_back(exited);
    report_empty(unit);
}

void Simulation::report_empty(UnitId unit) {
    if (!behaviours_[unit].tells_empty) return;
    for (const auto& [role, child] : children_[unit])
        if (child.alive) return;
    if (!left_behind_[unit]) events_.push_back(event(EventKind::Emptied, unit, {}));
}

void Simulation::exits(UnitId unit, int code, CommandRole role) {
    end_child(unit, role, ExitStatus::exited(code));
    pump();
}

void Simulation::killed(UnitId unit, int signal, CommandRole role) {
    end_child(unit, role, ExitStatus::killed(signal));
    pump();
}

void Simulation::executed(UnitId unit, CommandRole role) {
    send(event(EventKind::Executed, unit, children_[unit][role]));
}

void Simulation::spawn_fails(UnitId unit, int error, CommandRole role) {
    Child& child = children_[unit][role];
    if (!child.alive) sane_ = false;
    child.alive = false;
    Event failed = event(EventKind::SpawnFailed, unit, child);
    failed.stage = SpawnStage::Exec;
    failed.error = error;
    send(failed);
}

void Simulation::child_ends(UnitId unit) {
    left_behind_[unit] = false;
    report_empty(unit);
    pump();
}

bool Simulation::runs(UnitId unit, CommandRole role) const {
    const auto found = children_[unit].find(role);
    return found != children_[unit].end() && found->second.alive;
}

std::uint32_t Simulation::ticket(UnitId unit, CommandRole role) const {
    const auto found = children_[unit].find(role);
    return found == children_[unit].end() ? 0 : found->second.ticket;
}

std::vector<std::string> Simulation::trace() {
    return std::exchange(trace_, {});
}

std::vector<std::string> Simulation::trace(const std::string& prefix) {
    std::vector<std::string> chosen;
    for (const std::string& line : trace())
        if (line.rfind(prefix, 0) == 0) chosen.push_back(line);
    return chosen;
}

} // namespace stead::fakes
