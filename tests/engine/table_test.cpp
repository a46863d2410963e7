#include <signal.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>

#include <errno.h>
#include <gtest/gtest.h>

#include "fakes/simulation.h"

// Reads the state x event table of engine/service.h, brings a unit into each phase, lets each event
// happen, and looks whether the unit came where the table says.
namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;

constexpr std::string_view kNames[kPhases] = {
    "Down",    "Waiting",   "PreStart", "Launching", "Starting",    "PostStart",
    "Up",      "Reloading", "Held",     "PreStop",   "StopCommand", "StopSignal",
    "Killing", "PostStop",  "Sweeping", "Backoff",   "Failed",      "Done"};
constexpr const char* kShort[kPhases] = {"Dn", "Wt", "PS", "La", "St", "Po", "Up", "Re", "He",
                                         "Pp", "SC", "SS", "Ki", "Pt", "Sw", "Ba", "Fa", "Do"};

/// The unit of the table and its neighbours; nothing in this guest obeys or ends by itself.
class Scene {
public:
    explicit Scene(Phase phase) {
        UnitPolicy slow = Simulation::notify();
        slow.start_timeout_ms = kForever;
        base_ = guest.add("base", slow);
        UnitPolicy policy = phase == Phase::Done ? Simulation::oneshot() : Simulation::notify();
        policy.enabled = false;
        policy.remain_after_exit = false;
        policy.stop_steps = 2;
        policy.stop[1] = policy.stop[0];
        unit = guest.add("unit", policy);
        guest.needs(unit, base_);
        for (const CommandRole role :
             {CommandRole::PreStart, CommandRole::PostStart, CommandRole::Reload,
              CommandRole::PreStop, CommandRole::Stop, CommandRole::PostStop})
            guest.command(unit, role);
        top_ = guest.add("top");
        guest.policy(top_).enabled = false;
        guest.needs(top_, unit);
        for (const UnitId each : {base_, unit, top_}) {
            guest.behaviour(each).executes = each == top_;
            guest.behaviour(each).hooks_end = false;
            guest.behaviour(each).immortal = true;
            guest.behaviour(each).tells_empty = false;
        }
        reach(phase);
    }

    void hook(int code) {
        for (const CommandRole role : kRoles) {
            if (!guest.runs(unit, role)) continue;
            guest.exits(unit, code, role);
            return;
        }
        stale(EventKind::Exited, CommandRole::PreStart, code);
    }

    void exit(int code) {
        if (guest.runs(unit))
            guest.exits(unit, code);
        else
            stale(EventKind::Exited, CommandRole::Main, code);
    }

    void fail() {
        for (const CommandRole role : kRoles) {
            if (!guest.runs(unit, role)) continue;
            guest.spawn_fails(unit, ENOENT, role);
            return;
        }
        if (guest.runs(unit))
            guest.spawn_fails(unit, ENOENT);
        else
            stale(EventKind::SpawnFailed, CommandRole::Main, 0);
    }

    void deadline() {
        const Instant at = guest.runtime(unit).deadline;
        if (at.is_never())
            guest.send(EventKind::Tick, kNoUnit);
        else
            guest.advance(at - guest.now());
    }

    Simulation guest;
    UnitId unit = kNoUnit;

private:
    static constexpr CommandRole kRoles[] = {CommandRole::PreStart, CommandRole::PostStart,
                                             CommandRole::Reload,   CommandRole::PreStop,
                                             CommandRole::Stop,     CommandRole::PostStop};

    void stale(EventKind kind, CommandRole role, int code) {
        Event event;
        event.kind = kind;
        event.unit = unit;
        event.role = role;
        event.ticket = guest.ticket(unit, role);
        event.status = ExitStatus::exited(code);
        guest.send(event);
    }

    void emptied() { guest.send(EventKind::Emptied, unit); }

    void reach(Phase phase) {
        if (phase == Phase::Down) return;
        guest.start(unit);
        if (phase == Phase::Waiting) return;
        guest.executed(base_);
        guest.ready(base_);
        if (phase == Phase::PreStart) return;
        hook(0);
        if (phase == Phase::Launching) return;
        if (phase == Phase::Failed) {
            guest.spawn_fails(unit, ENOENT);
            clear_up();
            return;
        }
        guest.executed(unit);
        if (phase == Phase::Starting) return;
        if (phase == Phase::Done)
            guest.exits(unit, 0);
        else
            guest.ready(unit);
        if (phase == Phase::PostStart) return;
        hook(0);
        if (phase == Phase::Done) {
            clear_up();
            return;
        }
        if (phase == Phase::Up) return;
        reach_from_up(phase);
    }

    void reach_from_up(Phase phase) {
        if (phase == Phase::Reloading) {
            guest.reload(unit);
            return;
        }
        if (phase == Phase::Backoff) {
            guest.exits(unit, 1);
            clear_up();
            return;
        }
        if (phase == Phase::Held) guest.start(top_);
        guest.stop(unit);
        if (phase == Phase::Held || phase == Phase::PreStop) return;
        hook(0);
        if (phase == Phase::StopCommand) return;
        hook(1);
        if (phase == Phase::StopSignal) return;
        deadline();
        deadline();
        if (phase == Phase::Killing) return;
        guest.exits(unit, 0);
        emptied();
        if (phase == Phase::PostStop) return;
        hook(0);
    }

    void clear_up() {
        emptied();
        hook(0);
        emptied();
    }

    UnitId base_ = kNoUnit;
    UnitId top_ = kNoUnit;
};

void cause(Scene& scene, const std::string& event) {
    Simulation& guest = scene.guest;
    const std::map<std::string, EventKind> plain = {{"start", EventKind::Start},
                                                    {"stop", EventKind::Stop},
                                                    {"restart", EventKind::Restart},
                                                    {"reload", EventKind::Reload},
                                                    {"emptied", EventKind::Emptied},
                                                    {"ready", EventKind::Ready},
                                                    {"reloading", EventKind::Reloading},
                                                    {"stopping", EventKind::Stopping},
                                                    {"watchdog", EventKind::WatchdogTrigger},
                                                    {"oom", EventKind::OomKilled}};
    if (const auto found = plain.find(event); found != plain.end())
        guest.send(found->second, scene.unit);
    else if (event == "executed")
        guest.executed(scene.unit);
    else if (event == "failed")
        scene.fail();
    else if (event == "exit-0" || event == "exit-1")
        scene.exit(event == "exit-1" ? 1 : 0);
    else if (event == "hook-0" || event == "hook-1")
        scene.hook(event == "hook-1" ? 1 : 0);
    else if (event == "deadline")
        scene.deadline();
    else if (event == "shutdown")
        guest.shutdown();
    else
        FAIL() << "the table has an event that this test does not know: " << event;
}

struct Table {
    std::vector<std::string> events;
    std::map<std::string, std::vector<std::string>> rows;
};

/// The lines "/// | ..." of service.h, which hold the table in two halves.
Table read_table() {
    std::ifstream file(STEAD_SOURCE "/src/engine/service.h");
    Table table;
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("/// | ", 0) != 0) continue;
        std::istringstream words(line.substr(6));
        std::string name;
        words >> name;
        std::vector<std::string> cells;
        for (std::string cell; words >> cell;)
            if (cell != "|") cells.push_back(cell);
        if (name == "phase")
            table.events.insert(table.events.end(), cells.begin(), cells.end());
        else
            table.rows[name].insert(table.rows[name].end(), cells.begin(), cells.end());
    }
    return table;
}

TEST(Table, SaysWhereEachEventLeadsFromEachPhase) {
    const Table table = read_table();
    ASSERT_EQ(table.rows.size(), kPhases + 2);
    ASSERT_EQ(table.events.size(), 18U);
    for (const auto& [name, cells] : table.rows) {
        ASSERT_EQ(cells.size(), table.events.size()) << name;
        // "Killing-": the phase after the main process has ended.
        const bool ended = name.back() == '-';
        const std::string phase_name = ended ? name.substr(0, name.size() - 1) : name;
        const auto* found = std::find(std::begin(kNames), std::end(kNames), phase_name);
        ASSERT_NE(found, std::end(kNames)) << name;
        const auto phase = static_cast<Phase>(found - std::begin(kNames));
        std::string actual;
        for (std::size_t e = 0; e < table.events.size(); ++e) {
            Scene scene(phase);
            if (ended) scene.exit(0);
            ASSERT_EQ(kNames[static_cast<std::size_t>(scene.guest.phase(scene.unit))], phase_name);
            cause(scene, table.events[e]);
            const Phase after = scene.guest.phase(scene.unit);
            const std::string cell = after == phase ? "." : kShort[static_cast<std::size_t>(after)];
            EXPECT_EQ(cells[e], cell) << name << " x " << table.events[e];
            EXPECT_TRUE(scene.guest.sane());
            actual += " " + cell;
        }
        if (HasFailure()) std::cout << name << actual << "\n";
    }
}

} // namespace
} // namespace stead::engine
