#include <signal.h>

#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;

UnitPolicy checked(HealthAction action, ReadyKind kind = ReadyKind::Tcp) {
    UnitPolicy policy = Simulation::service();
    policy.restart = RestartPolicy::No;
    policy.health = kind;
    policy.health_interval_ms = 1000;
    policy.health_timeout_ms = 200;
    policy.health_action = action;
    return policy;
}

TEST(Health, IsAskedOncePerIntervalWhileTheUnitIsUp) {
    Simulation guest;
    const UnitId web = guest.add("web", checked(HealthAction::Restart));
    guest.boot();
    guest.advance(3'500_ms);
    EXPECT_EQ(guest.trace("check").size(), 3U);
    guest.stop(web);
    guest.advance(1_min);
    EXPECT_EQ(guest.trace("check").size(), 0U);
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Health, RestartsAfterThresholdFailuresWhateverThePolicySays) {
    Simulation guest;
    const UnitId web = guest.add("web", checked(HealthAction::Restart));
    guest.boot();
    guest.behaviour(web).healthy = false;
    guest.advance(1'200_ms + 1'200_ms);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    guest.advance(1'200_ms);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::Health);
    EXPECT_EQ(guest.trace("TERM").size(), 1U);
    guest.advance(100_ms);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.trace("spawn web").size(), 1U);
    EXPECT_EQ(guest.engine().view(web).restarts, 1U);
}

TEST(Health, OneSuccessForgetsFailures) {
    Simulation guest;
    const UnitId web = guest.add("web", checked(HealthAction::Restart));
    guest.boot();
    for (int i = 0; i < 5; ++i) {
        guest.behaviour(web).healthy = false;
        guest.advance(2'400_ms);
        guest.behaviour(web).healthy = true;
        guest.advance(1'000_ms);
    }
    EXPECT_EQ(guest.engine().view(web).restarts, 0U);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Health, HasTheOtherActions) {
    for (const HealthAction action :
         {HealthAction::Stop, HealthAction::Shutdown, HealthAction::None}) {
        Simulation guest;
        const UnitId web = guest.add("web", checked(action));
        guest.boot();
        guest.behaviour(web).healthy = false;
        guest.advance(10_s);
        EXPECT_EQ(guest.ended(), action == HealthAction::Shutdown);
        if (action == HealthAction::Stop) {
            EXPECT_EQ(guest.state(web), UnitState::Down);
        }
        if (action != HealthAction::None) continue;
        EXPECT_EQ(guest.state(web), UnitState::Up);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::Health);
        guest.behaviour(web).healthy = true;
        guest.advance(2_s);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::None);
    }
}

TEST(Health, KillsACommandThatHangsAndCountsIt) {
    Simulation guest;
    const UnitId web = guest.add("web", checked(HealthAction::Restart, ReadyKind::Exec));
    guest.command(web, CommandRole::HealthProbe);
    guest.boot();
    guest.advance(1'500_ms);
    EXPECT_EQ(guest.trace("spawn health").size(), 1U);
    guest.behaviour(web).hooks_end = false;
    guest.advance(1'000_ms);
    EXPECT_EQ(guest.trace("KILL health").size(), 1U);
    guest.advance(2'400_ms);
    EXPECT_EQ(guest.engine().view(web).restarts, 1U);
    EXPECT_TRUE(guest.sane());
}

TEST(Forking, WithoutAPidFileLivesAsLongAsAnyProcess) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.type = UnitType::Forking;
    const UnitId web = guest.add("web", policy);
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Starting);
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    guest.child_ends(web);
    EXPECT_NE(guest.state(web), UnitState::Up);
}

TEST(Forking, IsNotReadyBeforeItsFirstProcessHasEnded) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.type = UnitType::Forking;
    policy.ready = ReadyKind::Tcp;
    const UnitId web = guest.add("web", policy);
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    guest.ready(web);
    EXPECT_EQ(guest.state(web), UnitState::Starting);
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(OomPolicy, SaysWhatALostProcessMeans) {
    for (const OomPolicy answer : {OomPolicy::Stop, OomPolicy::Continue, OomPolicy::Kill}) {
        Simulation guest;
        UnitPolicy policy = Simulation::service();
        policy.restart = RestartPolicy::No;
        policy.oom_policy = answer;
        const UnitId web = guest.add("web", policy);
        guest.boot();
        guest.trace();
        guest.send(EventKind::OomKilled, web);
        const bool goes_on = answer == OomPolicy::Continue;
        EXPECT_EQ(guest.state(web), goes_on ? UnitState::Up : UnitState::Failed);
        if (answer == OomPolicy::Kill) {
            EXPECT_EQ(guest.trace("kill web").size(), 1U);
        }
        if (!goes_on) continue;
        guest.killed(web, SIGKILL);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::OomKill);
    }
}

TEST(ExitMap, ChangesTheGuestsCodeAndNothingElse) {
    for (const int code : {42, 43}) {
        Simulation guest;
        UnitPolicy policy = Simulation::service();
        policy.restart = RestartPolicy::No;
        policy.essential = true;
        policy.code_changes = 1;
        policy.exit_map[0] = {42, 0};
        const UnitId web = guest.add("web", policy);
        guest.boot();
        guest.exits(web, code);
        EXPECT_EQ(guest.state(web), UnitState::Failed);
        EXPECT_EQ(guest.exit_code(), code == 42 ? 0 : 43);
    }
}

TEST(PartOf, FollowsStopAndRestartButNotStart) {
    Simulation guest;
    const UnitId base = guest.add("base");
    const UnitId part = guest.add("part");
    guest.link(part, DependencyKind::PartOf, base);
    guest.boot();
    guest.restart(base);
    guest.advance(1_s);
    EXPECT_EQ(guest.spawns(part), 2);
    EXPECT_EQ(guest.state(part), UnitState::Up);
    guest.stop(base);
    EXPECT_EQ(guest.state(part), UnitState::Down);
    guest.start(base);
    EXPECT_EQ(guest.state(part), UnitState::Down);
}

} // namespace
} // namespace stead::engine
