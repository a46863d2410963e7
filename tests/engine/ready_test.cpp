#include <signal.h>

#include <errno.h>
#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;
using Words = std::vector<std::string>;

UnitPolicy probed(ReadyKind kind) {
    UnitPolicy policy = Simulation::service();
    policy.ready = kind;
    policy.restart = RestartPolicy::No;
    policy.start_timeout_ms = 5000;
    return policy;
}

TEST(Ready, ComesWithTheProgramWhenNothingElseIsSaid) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).executes = false;
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Starting);
    guest.executed(web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Ready, IsProbedAtOnceAndEverMoreSlowlyUntilItsInterval) {
    for (const ReadyKind kind :
         {ReadyKind::Tcp, ReadyKind::Unix, ReadyKind::Path, ReadyKind::Http}) {
        Simulation guest;
        const UnitId web = guest.add("web", probed(kind));
        guest.boot();
        // At 0, 10, 20, 40, 80, 160, 320, 640 ms.
        guest.advance(1'139_ms);
        EXPECT_EQ(guest.trace("probe").size(), 8U);
        guest.behaviour(web).probe_holds = true;
        guest.advance(1_ms);
        EXPECT_EQ(guest.state(web), UnitState::Up);
        guest.trace();
        guest.advance(1_min);
        EXPECT_EQ(guest.trace(), Words{});
    }
}

TEST(Ready, RunsAnExecProbeOneAtATime) {
    Simulation guest;
    const UnitId web = guest.add("web", probed(ReadyKind::Exec));
    guest.boot();
    guest.advance(999_ms);
    EXPECT_EQ(guest.trace("spawn ready").size(), 8U);
    guest.behaviour(web).hooks_end = false;
    guest.advance(1_ms);
    guest.advance(2_s);
    EXPECT_EQ(guest.trace("spawn ready").size(), 1U);
    guest.exits(web, 0, CommandRole::ReadyProbe);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_TRUE(guest.sane());
}

TEST(Ready, KillsAProbeThatHangsAndTriesAgain) {
    Simulation guest;
    UnitPolicy policy = probed(ReadyKind::Exec);
    policy.hook_timeout_ms = 1000;
    const UnitId web = guest.add("web", policy);
    guest.behaviour(web).hooks_end = false;
    guest.boot();
    guest.trace();
    guest.advance(1'500_ms);
    EXPECT_EQ(guest.trace(), (Words{"KILL ready-probe web", "spawn ready-probe web"}));
    guest.stop(web);
    EXPECT_EQ(guest.trace("KILL"), Words{"KILL ready-probe web"});
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Ready, TakesAProbeThatCannotBeRunForOneThatDoesNotHold) {
    Simulation guest;
    const UnitId web = guest.add("web", probed(ReadyKind::Exec));
    guest.behaviour(web).hooks_end = false;
    guest.boot();
    guest.spawn_fails(web, EAGAIN, CommandRole::ReadyProbe);
    EXPECT_EQ(guest.state(web), UnitState::Starting);
    guest.advance(500_ms);
    EXPECT_TRUE(guest.runs(web, CommandRole::ReadyProbe));
}

TEST(Ready, FailsAtTheStartTimeout) {
    Simulation guest;
    const UnitId web = guest.add("web", probed(ReadyKind::Tcp));
    guest.behaviour(web).obeys = false;
    const UnitId soft = guest.add("soft");
    guest.after(soft, web);
    guest.boot();
    guest.trace();
    guest.advance(5_s);
    EXPECT_EQ(guest.trace("TERM"), Words{"TERM all of web"});
    guest.advance(10_s);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::StartTimeout);
    EXPECT_EQ(guest.reason(web).status, ExitStatus::killed(SIGKILL));
    EXPECT_EQ(guest.state(soft), UnitState::Up);
}

TEST(Ready, IsExtendedByTheUnitItself) {
    Simulation guest;
    const UnitId web = guest.add("web", probed(ReadyKind::Notify));
    guest.boot();
    for (int i = 0; i < 10; ++i) {
        guest.advance(4_s);
        guest.send(EventKind::ExtendTimeout, web, 5000);
        EXPECT_EQ(guest.state(web), UnitState::Starting);
    }
    guest.advance(5_s);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    guest.send(EventKind::ExtendTimeout, web, 5000);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
}

TEST(Ready, MayOvertakeTheNewsThatTheProgramRuns) {
    Simulation guest;
    const UnitId web = guest.add("web", Simulation::notify());
    guest.behaviour(web).executes = false;
    guest.boot();
    guest.ready(web);
    EXPECT_EQ(guest.state(web), UnitState::Starting);
    guest.executed(web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Ready, NeverComesFromAProgramThatEndsBefore) {
    Simulation guest;
    const UnitId web = guest.add("web", Simulation::notify());
    guest.boot();
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::EndedBeforeReady);
}

TEST(Ready, IsASuccessfulEndForAOneshot) {
    Simulation guest;
    const UnitId setup = guest.add("setup", Simulation::oneshot());
    const UnitId web = guest.add("web");
    guest.needs(web, setup);
    guest.boot();
    guest.ready(setup);
    EXPECT_EQ(guest.state(setup), UnitState::Starting);
    EXPECT_EQ(guest.state(web), UnitState::Waiting);
    guest.exits(setup, 0);
    EXPECT_EQ(guest.state(setup), UnitState::Done);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Ready, MeansTheFoundMainProcessOfAForkingUnit) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.type = UnitType::Forking;
    policy.ready = ReadyKind::PidFile;
    const UnitId web = guest.add("web", policy);
    guest.behaviour(web).leaves_child = true;
    guest.boot();
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Starting);
    guest.ready(web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    Event exited;
    exited.kind = EventKind::Exited;
    exited.unit = web;
    exited.ticket = guest.ticket(web);
    exited.role = CommandRole::Main;
    exited.status = ExitStatus::exited(9);
    guest.send(exited);
    EXPECT_EQ(guest.reason(web).status, ExitStatus::exited(9));
}

TEST(Ready, NeverComesFromAForkingUnitThatLeavesNothing) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.type = UnitType::Forking;
    policy.ready = ReadyKind::PidFile;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::EndedBeforeReady);
}

TEST(Condition, LetsAUnitCountAsUpWithoutRunning) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId top = guest.add("top");
    guest.command(web, CommandRole::PreStart);
    guest.command(web, CommandRole::PostStop);
    guest.needs(top, web);
    guest.behaviour(web).skipped = true;
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::ConditionNotMet);
    EXPECT_EQ(guest.state(top), UnitState::Up);
    guest.reload(web);
    guest.trace();
    guest.stop(web);
    EXPECT_EQ(guest.trace(), (Words{"TERM all of top", "release top", "release web"}));
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(Hook, FailsTheStartAndIsNamed) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.restart = RestartPolicy::No;
    const UnitId web = guest.add("web", policy);
    guest.command(web, CommandRole::PreStart, 2);
    guest.behaviour(web).hook_code = 42;
    guest.boot();
    EXPECT_EQ(guest.spawns(web), 0);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::CommandFailed);
    EXPECT_EQ(guest.reason(web).role, static_cast<std::uint8_t>(CommandRole::PreStart));
    EXPECT_EQ(guest.reason(web).status, ExitStatus::exited(42));
}

TEST(Hook, RunsOneByOneAroundTheProgram) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.command(web, CommandRole::PreStart, 2);
    guest.command(web, CommandRole::PostStart, 2);
    guest.boot();
    EXPECT_EQ(guest.trace(), (Words{"spawn pre-start web", "spawn pre-start web", "spawn web",
                                    "spawn post-start web", "spawn post-start web"}));
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Hook, HasItsOwnTimeout) {
    for (const CommandRole role : {CommandRole::PreStart, CommandRole::PostStart}) {
        Simulation guest;
        UnitPolicy policy = Simulation::service();
        policy.restart = RestartPolicy::No;
        policy.hook_timeout_ms = 2000;
        const UnitId web = guest.add("web", policy);
        guest.command(web, role);
        guest.behaviour(web).hooks_end = false;
        guest.boot();
        guest.advance(2_s);
        EXPECT_EQ(guest.state(web), UnitState::Failed);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::StartTimeout);
        EXPECT_EQ(guest.reason(web).role, static_cast<std::uint8_t>(role));
    }
}

} // namespace
} // namespace stead::engine
