#include <array>
#include <csignal>
#include <string>

#include "compile/guest_parts.h"
#include "compile/levels.h"
#include "recipe/guest_paths.h"

/// An init of the guest's own ("/sbin/init"): one unit of ours, whose first process makes a pid
/// namespace for it and names it our main process (`stead own-init`, cli/verb_own_init.cpp).
namespace stead::compile {

namespace {

/// systemd says that it is up once its default target is, and its own jobs have limits of minutes.
constexpr Duration kStartLimit = 10_min;

/// A level that changes nothing for each controller there is: PID 1 switches a controller on for
/// the sake of a level, and the guest's init can only hand on what it has.
void hand_on_controllers(const HostFacts& facts, plan::ExecInput& exec) {
    struct Harmless {
        const char* controller;
        const char* file;
        const char* value;
    };

    constexpr std::array kLevels{
        Harmless{"memory", "memory.max", "max"}, Harmless{"pids", "pids.max", "max"},
        Harmless{"cpu", "cpu.weight", "100"}, Harmless{"io", "io.weight", "default 100"}};
    for (const Harmless& level : kLevels) {
        for (const std::string& offered : facts.controllers)
            if (offered == level.controller)
                exec.cgroup_settings.push_back({level.file, level.value});
    }
}

unitfile::UnitSpec own_init_unit(const Draft& draft) {
    unitfile::UnitSpec unit;
    unit.name = "init";
    unit.file = draft.spec.file;
    unit.place = draft.place("init");
    unit.description = "the guest's own " + draft.spec.init.front();
    unit.type = UnitType::Notify;
    unit.essential = true;
    unit.delegate = true;
    unit.command = {recipe::kGuestStead, "own-init", "--"};
    unit.command.insert(unit.command.end(), draft.spec.init.begin(), draft.spec.init.end());
    unit.environment = {{"container", "stead"}};
    unit.ready_timeout = kStartLimit;
    unit.restart = RestartPolicy::No;
    // How the kernel tells the end of a pid namespace, reboot(2): HUP for a restart, else INT.
    unit.exit_map = {{128 + SIGINT, 0}, {128 + SIGHUP, 0}};
    unit.post_stop = {{recipe::kGuestStead, "own-init", "--ended"}};
    StopStep step;
    step.signal = draft.spec.init_stop_signal;
    step.wait_ms = plan_ms(draft.spec.stop_timeout);
    unit.stop_schedule = {step};
    unit.kill_mode = KillMode::Mixed;
    return unit;
}

} // namespace

void set_own_init(Draft& draft, unitfile::Diagnostics& diagnostics) {
    UnitOptions options;
    options.ceiling = draft.context.capabilities;
    options.ceiling_origin = draft.origin("capabilities");
    options.calls = &*draft.calls;
    options.guest = draft.spec.name;
    options.folders = {draft.spec.file};
    options.facts = &draft.facts;
    auto compiled = compile_units({own_init_unit(draft)}, {}, options, diagnostics);
    if (compiled.units.empty()) return;
    hand_on_controllers(draft.facts, compiled.units.front().exec);
    draft.plan = std::move(compiled);
}

} // namespace stead::compile
