#include <signal.h>

#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;
using Words = std::vector<std::string>;

UnitPolicy with(KillMode mode) {
    UnitPolicy policy = Simulation::service();
    policy.kill_mode = mode;
    return policy;
}

TEST(Stop, WorksThroughItsScheduleAndKillsAtLast) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.stop_steps = 2;
    policy.stop[1].signal = SIGINT;
    policy.stop[1].wait_ms = 5000;
    policy.send_hup = true;
    const UnitId web = guest.add("web", policy);
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.trace();
    guest.stop(web);
    EXPECT_EQ(guest.trace(), (Words{"TERM all of web", "HUP all of web"}));
    guest.advance(10_s);
    EXPECT_EQ(guest.trace(), Words{"INT all of web"});
    guest.advance(4'999_ms);
    EXPECT_EQ(guest.trace(), Words{});
    guest.advance(1_ms);
    EXPECT_EQ(guest.trace(), (Words{"kill web", "release web"}));
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::StopTimeout);
    EXPECT_EQ(guest.reason(web).status, ExitStatus::killed(SIGKILL));
}

TEST(Stop, WaitsForEverythingInTheGroup) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).obeys = false;
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    guest.stop(web);
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Stopping);
    guest.advance(10_s);
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Stop, KillsTheRestAfterTheMainProcessInMixedMode) {
    Simulation guest;
    const UnitId web = guest.add("web", with(KillMode::Mixed));
    guest.command(web, CommandRole::PostStop);
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    guest.trace();
    guest.stop(web);
    EXPECT_EQ(guest.trace(),
              (Words{"TERM web", "kill web", "spawn post-stop web", "kill web", "release web"}));
}

TEST(Stop, LeavesTheRestAloneInProcessMode) {
    Simulation guest;
    const UnitId web = guest.add("web", with(KillMode::Process));
    guest.command(web, CommandRole::PostStop);
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    guest.trace();
    guest.stop(web);
    EXPECT_EQ(guest.trace(), (Words{"TERM web", "spawn post-stop web", "release web"}));
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Stop, KillsTheMainProcessAloneInProcessMode) {
    Simulation guest;
    const UnitId web = guest.add("web", with(KillMode::Process));
    guest.command(web, CommandRole::PreStart);
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.trace();
    guest.stop(web);
    guest.advance(10_s);
    EXPECT_EQ(guest.trace(), (Words{"TERM web", "KILL web", "release web"}));

    guest.behaviour(web).hooks_end = false;
    guest.start(web);
    guest.stop(web);
    guest.advance(10_s);
    EXPECT_EQ(guest.trace(), (Words{"spawn pre-start web", "TERM pre-start web",
                                    "KILL pre-start web", "release web"}));
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Stop, WaitsForDependentsThoughItsLastProcessEndsInProcessMode) {
    Simulation guest;
    const UnitId below = guest.add("below", with(KillMode::Process));
    const UnitId web = guest.add("web");
    guest.command(below, CommandRole::PreStart);
    guest.command(below, CommandRole::PostStop);
    guest.after(web, below);
    guest.behaviour(below).hooks_end = false;
    guest.behaviour(web).obeys = false;
    guest.start(web);
    guest.start(below);
    guest.shutdown();
    EXPECT_EQ(guest.phase(below), Phase::Held);
    guest.exits(below, 0, CommandRole::PreStart);
    EXPECT_EQ(guest.phase(below), Phase::Held);
    guest.exits(web, 0);
    EXPECT_TRUE(guest.runs(below, CommandRole::PostStop));
}

TEST(Stop, KillsAgainEverySecondUntilNothingIsLeft) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).immortal = true;
    guest.boot();
    guest.stop(web);
    guest.advance(10_s);
    guest.trace();
    guest.advance(3_s);
    EXPECT_EQ(guest.trace(), (Words{"kill web", "kill web", "kill web"}));
    guest.behaviour(web).immortal = false;
    guest.advance(1_s);
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Stop, RunsHooksAndItsCommandOneByOne) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.command(web, CommandRole::PreStop, 2);
    guest.command(web, CommandRole::Stop);
    guest.command(web, CommandRole::PostStop, 2);
    guest.behaviour(web).hooks_end = false;
    guest.boot();
    guest.trace();
    guest.stop(web);
    EXPECT_EQ(guest.trace(), Words{"spawn pre-stop web"});
    guest.exits(web, 1, CommandRole::PreStop);
    EXPECT_EQ(guest.trace(), Words{"spawn pre-stop web"});
    guest.exits(web, 0, CommandRole::PreStop);
    EXPECT_EQ(guest.trace(), Words{"spawn stop-command web"});
    guest.exits(web, 0, CommandRole::Stop);
    EXPECT_EQ(guest.trace(), Words{});
    guest.exits(web, 0);
    // What the obedient main process left would get the schedule now; nothing is left.
    EXPECT_EQ(guest.trace(), (Words{"TERM all of web", "spawn post-stop web"}));
    guest.exits(web, 1, CommandRole::PostStop);
    guest.exits(web, 0, CommandRole::PostStop);
    EXPECT_EQ(guest.trace(), (Words{"spawn post-stop web", "kill web", "release web"}));
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Stop, SignalsWhenItsCommandFailsHangsOrIsNotObeyed) {
    for (const int how : {0, 1, 2}) {
        Simulation guest;
        const UnitId web = guest.add("web");
        guest.command(web, CommandRole::Stop);
        guest.behaviour(web).hooks_end = false;
        guest.behaviour(web).obeys = false;
        guest.boot();
        guest.trace();
        guest.stop(web);
        if (how == 0) guest.exits(web, 1, CommandRole::Stop);
        if (how == 1) guest.advance(10_s);
        if (how == 2) {
            guest.exits(web, 0, CommandRole::Stop);
            guest.advance(9'999_ms);
            EXPECT_EQ(guest.trace("TERM"), Words{});
            guest.advance(1_ms);
        }
        EXPECT_EQ(guest.trace("TERM"), Words{"TERM all of web"});
    }
}

TEST(Stop, RunsTheNextHookOnlyWhenTheKilledOneIsGone) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.hook_timeout_ms = 1000;
    const UnitId web = guest.add("web", policy);
    guest.command(web, CommandRole::PreStop);
    guest.command(web, CommandRole::Stop);
    guest.behaviour(web).hooks_end = false;
    guest.behaviour(web).immortal = true;
    guest.boot();
    guest.trace();
    guest.stop(web);
    guest.advance(1_s);
    EXPECT_EQ(guest.trace(), (Words{"spawn pre-stop web", "KILL pre-stop web"}));
    EXPECT_EQ(guest.phase(web), Phase::StopCommand);
    guest.killed(web, SIGKILL, CommandRole::PreStop);
    EXPECT_EQ(guest.trace(), Words{"spawn stop-command web"});
}

TEST(Stop, EndsAHangingPostStopHook) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.command(web, CommandRole::PostStop);
    guest.behaviour(web).hooks_end = false;
    guest.boot();
    guest.stop(web);
    guest.advance(29'999_ms);
    EXPECT_EQ(guest.phase(web), Phase::PostStop);
    guest.advance(1_ms);
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Stop, CancelsAStartAtAnyPoint) {
    Simulation guest;
    const UnitId web = guest.add("web", Simulation::notify());
    guest.command(web, CommandRole::PreStart);
    guest.behaviour(web).hooks_end = false;
    guest.boot();
    guest.stop(web);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.spawns(web), 0);

    guest.behaviour(web).hooks_end = true;
    guest.start(web);
    EXPECT_EQ(guest.phase(web), Phase::Starting);
    guest.stop(web);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.spawns(web), 1);
    EXPECT_TRUE(guest.engine().settled(web));
}

TEST(Stop, IsFollowedByAStartThatWasAskedForMeanwhile) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.stop(web);
    guest.start(web);
    EXPECT_EQ(guest.spawns(web), 1);
    guest.exits(web, 0);
    EXPECT_EQ(guest.spawns(web), 2);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_TRUE(guest.sane());
}

TEST(Stop, RunsTheHooksOfAOneshotThatStaysUp) {
    Simulation guest;
    const UnitId mount = guest.add("mount", Simulation::oneshot());
    guest.command(mount, CommandRole::Stop);
    guest.boot();
    guest.exits(mount, 0);
    EXPECT_EQ(guest.state(mount), UnitState::Done);
    EXPECT_EQ(guest.phase(mount), Phase::Up);
    guest.trace();
    guest.stop(mount);
    EXPECT_EQ(guest.trace(),
              (Words{"spawn stop-command mount", "TERM all of mount", "release mount"}));
    EXPECT_EQ(guest.state(mount), UnitState::Down);
}

TEST(Stop, GoesDownAtOnceWithoutAnyStep) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.stop_steps = 0;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.stop(web);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::ByHand);
}

TEST(PostStop, RunsAfterEveryKindOfEnd) {
    for (const int how : {0, 1, 2, 3, 4}) {
        Simulation guest;
        UnitPolicy policy = Simulation::notify();
        policy.restart = RestartPolicy::No;
        policy.start_timeout_ms = 1000;
        const UnitId web = guest.add("web", policy);
        guest.command(web, CommandRole::PreStart);
        guest.command(web, CommandRole::PostStop);
        if (how == 0) guest.behaviour(web).spawn_error = 2;
        if (how == 1) guest.behaviour(web).hook_code = 42;
        guest.boot();
        if (how >= 2 && how < 4) guest.ready(web);
        if (how == 2) guest.exits(web, 0);
        if (how == 3) guest.exits(web, 1);
        if (how == 4) guest.advance(1_s);
        EXPECT_EQ(guest.trace("spawn post-stop").size(), 1U) << how;
        EXPECT_EQ(guest.state(web), how == 2 ? UnitState::Down : UnitState::Failed) << how;
    }
}

TEST(End, LeavesNothingBehindByDefault) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.restart = RestartPolicy::No;
    const UnitId web = guest.add("web", policy);
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    guest.trace();
    guest.exits(web, 0);
    EXPECT_EQ(guest.trace(), (Words{"TERM all of web", "release web"}));
}

TEST(End, WaitsForTheWholeGroupWithExitTypeCgroup) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.exit_type = ExitType::Cgroup;
    const UnitId web = guest.add("web", policy);
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    guest.exits(web, 3);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    guest.child_ends(web);
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    EXPECT_EQ(guest.reason(web).status, ExitStatus::exited(3));
}

} // namespace
} // namespace stead::engine
