#include <signal.h>

#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;
using Words = std::vector<std::string>;

TEST(Watchdog, EndsAUnitThatStopsPinging) {
    Simulation guest;
    UnitPolicy policy = Simulation::notify();
    policy.watchdog_ms = 2000;
    policy.restart = RestartPolicy::OnWatchdog;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.advance(10_s);
    guest.ready(web);
    guest.trace();
    for (int i = 0; i < 5; ++i) {
        guest.advance(1'999_ms);
        guest.send(EventKind::WatchdogPing, web);
    }
    EXPECT_EQ(guest.trace(), Words{});
    guest.advance(2_s);
    EXPECT_EQ(guest.trace(), (Words{"ABRT web", "TERM all of web"}));
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::Watchdog);
    EXPECT_EQ(guest.reason(web).status, ExitStatus::killed(SIGABRT));
}

TEST(Watchdog, GoesOnWithTheScheduleWhenItsSignalIsIgnored) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.send(EventKind::WatchdogTrigger, web);
    guest.trace();
    guest.advance(20_s + 100_ms);
    EXPECT_EQ(guest.trace(), (Words{"TERM all of web", "kill web", "spawn web"}));
}

TEST(Reload, SendsItsSignalOnceAndOnlyToARunningUnit) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.reload_signal = SIGHUP;
    const UnitId web = guest.add("web", policy);
    guest.reload(web);
    EXPECT_EQ(guest.trace(), Words{});
    guest.boot();
    guest.trace();
    guest.reload(web);
    EXPECT_EQ(guest.trace(), Words{"HUP web"});
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Reload, LeavesTheUnitUpWhenItsCommandFailsAndSaysSo) {
    for (const bool hangs : {false, true}) {
        Simulation guest;
        const UnitId web = guest.add("web");
        guest.command(web, CommandRole::Reload);
        guest.behaviour(web).hooks_end = false;
        guest.boot();
        guest.reload(web);
        EXPECT_FALSE(guest.engine().settled(web));
        if (hangs)
            guest.advance(30_s);
        else
            guest.exits(web, 1, CommandRole::Reload);
        EXPECT_EQ(guest.state(web), UnitState::Up);
        EXPECT_TRUE(guest.engine().settled(web));
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::CommandFailed);
        EXPECT_EQ(guest.reason(web).role, static_cast<std::uint8_t>(CommandRole::Reload));

        guest.behaviour(web).hooks_end = true;
        guest.reload(web);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::None);
    }
}

TEST(Reload, IsOverWhenTheUnitSaysReadyAgain) {
    Simulation guest;
    const UnitId web = guest.add("web", Simulation::notify());
    guest.boot();
    guest.ready(web);
    guest.send(EventKind::Reloading, web);
    EXPECT_EQ(guest.phase(web), Phase::Reloading);
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Up);
}

TEST(Reload, OfAUnitThatNotifiesLastsUntilItHasReloaded) {
    Simulation guest;
    UnitPolicy policy = Simulation::notify();
    policy.reload_signal = 1;
    policy.traits = kReloadNotifies;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.ready(web);
    guest.advance(10_s);
    guest.send(EventKind::Reload, web);
    EXPECT_EQ(guest.phase(web), Phase::Reloading);
    // READY without RELOADING, and RELOADING of before the signal, are no answers.
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Reloading);
    guest.advance(1_s);
    guest.send(EventKind::Reloading, web, 5000);
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Reloading);
    guest.send(EventKind::Reloading, web, 500);
    EXPECT_EQ(guest.phase(web), Phase::Reloading);
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Up);
}

/// A unit of the kind above, up and told to reload, with five seconds for it.
UnitId reloading(Simulation& guest) {
    UnitPolicy policy = Simulation::notify();
    policy.reload_signal = 1;
    policy.traits = kReloadNotifies;
    policy.start_timeout_ms = 5000;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.ready(web);
    guest.send(EventKind::Reload, web);
    return web;
}

TEST(Reload, OfAUnitThatSaysNothingFailsInTimeAndLeavesItUp) {
    Simulation guest;
    const UnitId web = reloading(guest);
    guest.advance(4999_ms);
    EXPECT_FALSE(guest.engine().settled(web));
    guest.advance(1_ms);
    EXPECT_TRUE(guest.engine().settled(web));
    EXPECT_EQ(guest.phase(web), Phase::Up);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::CommandFailed);
    EXPECT_EQ(guest.reason(web).role, static_cast<std::uint8_t>(CommandRole::Reload));
    // What comes later than that is a reload of the unit's own.
    guest.send(EventKind::Reloading, web);
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Up);
}

TEST(Reload, IsGivenMoreTimeOnceTheUnitHasAnswered) {
    Simulation guest;
    const UnitId web = reloading(guest);
    guest.advance(1_s);
    // Asked for too early: by the deadline one sees how old an answer is.
    guest.send(EventKind::ExtendTimeout, web, 60'000);
    guest.send(EventKind::Reloading, web, 900);
    guest.send(EventKind::ExtendTimeout, web, 60'000);
    guest.advance(30_s);
    EXPECT_EQ(guest.phase(web), Phase::Reloading);
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Up);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::None);
}

TEST(Reload, OfAUnitThatNotifiesIsAskedForAgainEachTime) {
    Simulation guest;
    const UnitId web = reloading(guest);
    guest.send(EventKind::Reloading, web);
    guest.ready(web);
    ASSERT_EQ(guest.phase(web), Phase::Up);
    guest.send(EventKind::Reload, web);
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Reloading);
    guest.send(EventKind::Reloading, web);
    guest.ready(web);
    EXPECT_EQ(guest.phase(web), Phase::Up);
}

TEST(Reload, FailsWithItsUnit) {
    Simulation guest;
    const UnitId web = guest.add("web", Simulation::notify());
    guest.boot();
    guest.ready(web);
    guest.send(EventKind::Reloading, web);
    guest.exits(web, 1);
    EXPECT_EQ(guest.state(web), UnitState::Backoff);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::Exited);
}

TEST(Stopping, GivesTheUnitTheTimeOfAStop) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId bound = guest.add("bound");
    guest.binds_to(bound, web);
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.trace();
    guest.send(EventKind::Stopping, web);
    EXPECT_EQ(guest.state(web), UnitState::Stopping);
    EXPECT_EQ(guest.trace(), Words{});
    guest.exits(web, 0);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::Exited);
    EXPECT_EQ(guest.state(bound), UnitState::Down);
}

TEST(Stopping, IsAFailureBeforeReadyAndSignalledWhenItHangs) {
    Simulation guest;
    UnitPolicy policy = Simulation::notify();
    policy.restart = RestartPolicy::No;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.send(EventKind::Stopping, web);
    guest.trace();
    guest.advance(10_s);
    EXPECT_EQ(guest.trace("TERM"), Words{"TERM all of web"});
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::EndedBeforeReady);
}

TEST(OomKill, IsTheReasonWhicheverNewsComesFirst) {
    for (const bool oom_first : {true, false}) {
        Simulation guest;
        const UnitId web = guest.add("web");
        guest.behaviour(web).leaves_child = true;
        guest.behaviour(web).obeys = false;
        guest.boot();
        if (oom_first) guest.send(EventKind::OomKilled, web);
        guest.killed(web, SIGKILL);
        if (!oom_first) guest.send(EventKind::OomKilled, web);
        guest.child_ends(web);
        EXPECT_EQ(guest.state(web), UnitState::Backoff);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::OomKill);
        EXPECT_EQ(guest.reason(web).status, ExitStatus::killed(SIGKILL));
    }
}

TEST(OomKill, StopsAUnitThatLostOnlyAChild) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot();
    guest.trace();
    guest.send(EventKind::OomKilled, web);
    EXPECT_EQ(guest.trace("TERM"), Words{"TERM all of web"});
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::OomKill);
}

TEST(OomKill, ExplainsAnEndBeforeReady) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.command(web, CommandRole::PreStart);
    guest.behaviour(web).hooks_end = false;
    guest.behaviour(web).executes = false;
    guest.boot();
    guest.send(EventKind::OomKilled, web);
    guest.exits(web, 0, CommandRole::PreStart);
    guest.killed(web, SIGKILL);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::OomKill);
}

TEST(Hostile, EventsOfAnEarlierProcessChangeNothing) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot();
    Event late;
    late.kind = EventKind::Exited;
    late.unit = web;
    late.role = CommandRole::Main;
    late.ticket = guest.ticket(web);
    late.status = ExitStatus::exited(1);
    guest.exits(web, 1);
    guest.advance(1_s);
    guest.send(late);
    guest.send(EventKind::Emptied, web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.spawns(web), 2);
}

TEST(Hostile, UnitsThatDoNotExistAreIgnored) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot(7);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    for (int kind = 1; kind < 20; ++kind) {
        if (static_cast<EventKind>(kind) == EventKind::Shutdown) continue;
        guest.send(static_cast<EventKind>(kind), 1);
        guest.send(static_cast<EventKind>(kind), kNoUnit);
    }
    EXPECT_EQ(guest.trace(), Words{});
    EXPECT_EQ(guest.engine().view(9).state, UnitState::Down);
    EXPECT_TRUE(guest.engine().settled(9));
}

TEST(Hostile, ACycleOfOrderWaitsButStillStopsAndEnds) {
    Simulation guest;
    const UnitId one = guest.add("one");
    const UnitId two = guest.add("two");
    guest.after(one, two);
    guest.after(two, one);
    guest.needs(one, one);
    guest.boot();
    EXPECT_EQ(guest.state(one), UnitState::Waiting);
    guest.stop(one);
    EXPECT_EQ(guest.state(two), UnitState::Up);
    guest.shutdown();
    EXPECT_TRUE(guest.ended());
}

TEST(Hostile, AClockThatRunsBackwardsStandsStill) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot();
    Event exited;
    exited.kind = EventKind::Exited;
    exited.unit = web;
    exited.role = CommandRole::Main;
    exited.ticket = guest.ticket(web);
    exited.status = ExitStatus::exited(1);
    guest.engine().handle(exited, Instant{5});
    Event emptied;
    emptied.kind = EventKind::Emptied;
    emptied.unit = web;
    guest.engine().handle(emptied, Instant{6});
    EXPECT_EQ(guest.engine().view(web).next_attempt, guest.now() + 100_ms);
}

TEST(Memory, CanBeTakenOverOnlyForTheSameGraph) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot();
    std::vector<std::byte> empty(guest.memory());
    EXPECT_FALSE(Engine::resume(guest.graph(), empty).has_value());
    EXPECT_FALSE(Engine::resume(guest.graph(), std::span(empty).first(8)).has_value());
    (void)web;
}

} // namespace
} // namespace stead::engine
