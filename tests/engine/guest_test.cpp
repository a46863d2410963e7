#include <signal.h>

#include <errno.h>
#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;
using Words = std::vector<std::string>;

UnitPolicy essential(RestartPolicy restart = RestartPolicy::No) {
    UnitPolicy policy = Simulation::service();
    policy.essential = true;
    policy.restart = restart;
    return policy;
}

TEST(Essential, EndsTheGuestWithItsCodeAfterAllOthersStoppedInOrder) {
    Simulation guest;
    const UnitId database = guest.add("database");
    const UnitId web = guest.add("web");
    const UnitId main = guest.add("main", essential());
    guest.needs(web, database);
    guest.boot();
    guest.trace();
    guest.exits(main, 3);
    EXPECT_EQ(guest.trace(),
              (Words{"TERM all of main", "release main", "TERM all of web", "release web",
                     "TERM all of database", "release database", "end 3"}));
    EXPECT_EQ(guest.end().end, EndKind::Exit);
    EXPECT_TRUE(guest.sane());
}

TEST(Essential, EndsTheGuestWithASignalAsAShellSaysIt) {
    Simulation guest;
    const UnitId main = guest.add("main", essential());
    guest.boot();
    guest.killed(main, SIGSEGV);
    EXPECT_EQ(guest.exit_code(), 128 + SIGSEGV);
}

TEST(Essential, EndsTheGuestWithItsLastCodeAtTheBurstLimit) {
    Simulation guest;
    const UnitId main = guest.add("main", essential(RestartPolicy::Always));
    guest.boot();
    for (int i = 0; i < 3; ++i) {
        guest.exits(main, 7);
        EXPECT_FALSE(guest.ended());
        guest.advance(1_s);
    }
    guest.exits(main, 7);
    EXPECT_TRUE(guest.ended());
    EXPECT_EQ(guest.exit_code(), 7);
}

TEST(Essential, EndsTheGuestWithOneWhenAFailureHasNoCode) {
    Simulation guest;
    const UnitId main = guest.add("main", essential());
    const UnitId database = guest.add("database");
    guest.behaviour(database).spawn_error = ENOENT;
    guest.needs(main, database);
    guest.boot();
    EXPECT_TRUE(guest.ended());
    EXPECT_EQ(guest.exit_code(), 1);
}

TEST(Essential, SaysNotFoundAndNotExecutableAsAShellDoes) {
    const std::pair<int, int> cases[] = {{ENOENT, 127}, {EACCES, 126}};
    for (const auto& [error, code] : cases) {
        Simulation guest;
        const UnitId main = guest.add("main", essential());
        guest.behaviour(main).spawn_error = error;
        guest.boot();
        EXPECT_TRUE(guest.ended());
        EXPECT_EQ(guest.exit_code(), code);
    }
    Simulation guest;
    const UnitId main = guest.add("main", essential());
    guest.behaviour(main).spawn_error = EPERM;
    guest.behaviour(main).spawn_stage = SpawnStage::User;
    guest.boot();
    EXPECT_EQ(guest.exit_code(), 125);
}

TEST(Essential, MeansTheEndOfAOneshotTooWhenItSucceeds) {
    for (const bool remain : {true, false}) {
        Simulation guest;
        UnitPolicy policy = Simulation::oneshot();
        policy.essential = true;
        policy.remain_after_exit = remain;
        const UnitId job = guest.add("job", policy);
        const UnitId web = guest.add("web");
        guest.boot();
        guest.exits(job, 0);
        EXPECT_TRUE(guest.ended());
        EXPECT_EQ(guest.exit_code(), 0);
        EXPECT_EQ(guest.state(web), UnitState::Down);
        EXPECT_EQ(guest.reason(web).kind, ReasonKind::Shutdown);
    }
}

TEST(Essential, LeavesTheGuestWhenStoppedByHandUnlessTold) {
    for (const EssentialStop stop : {EssentialStop::Stay, EssentialStop::Exit}) {
        Simulation guest;
        UnitPolicy policy = essential();
        policy.essential_stop = stop;
        const UnitId main = guest.add("main", policy);
        guest.boot();
        guest.stop(main);
        EXPECT_EQ(guest.ended(), stop == EssentialStop::Exit);
    }
}

TEST(Essential, DecidesByItsFirstOfTwo) {
    Simulation guest;
    const UnitId one = guest.add("one", essential());
    const UnitId two = guest.add("two", essential());
    guest.behaviour(two).obeys = false;
    guest.boot();
    guest.exits(one, 3);
    guest.exits(two, 4);
    EXPECT_EQ(guest.exit_code(), 3);
}

TEST(Essential, AnswersOneHundredThirtySevenWhenItIgnoresTerm) {
    Simulation guest;
    guest.settings.propagate_stop_exit = true;
    const UnitId main = guest.add("main", essential());
    guest.behaviour(main).obeys = false;
    guest.boot();
    guest.shutdown();
    guest.advance(10_s);
    EXPECT_TRUE(guest.ended());
    EXPECT_EQ(guest.exit_code(), 137);
    EXPECT_EQ(guest.reason(main).kind, ReasonKind::StopTimeout);
}

TEST(Shutdown, ExitsWithZeroThoughServicesAnsweredTheSignal) {
    Simulation guest;
    const UnitId main = guest.add("main", essential());
    guest.boot();
    guest.shutdown();
    EXPECT_FALSE(guest.runs(main));
    EXPECT_EQ(guest.exit_code(), 0);
}

TEST(Shutdown, PropagatesTheEssentialUnitsCodeWhenAsked) {
    Simulation guest;
    guest.settings.propagate_stop_exit = true;
    guest.add("main", essential());
    guest.boot();
    guest.shutdown();
    EXPECT_EQ(guest.exit_code(), 143);
}

TEST(Shutdown, EndsAtOnceWhenNothingRuns) {
    Simulation guest;
    guest.add("web");
    guest.shutdown(5, EndKind::Reboot);
    EXPECT_TRUE(guest.ended());
    EXPECT_EQ(guest.exit_code(), 5);
    EXPECT_EQ(guest.end().end, EndKind::Reboot);
    EXPECT_TRUE(guest.engine().deadline().is_never());
}

TEST(Shutdown, StopsInTheExactReverseOrder) {
    Simulation guest;
    const UnitId logger = guest.add("logger");
    const UnitId network = guest.add("network");
    const UnitId web = guest.add("web");
    guest.after(network, logger);
    guest.after(web, logger);
    guest.wants(web, network);
    guest.behaviour(web).obeys = false;
    guest.boot();
    EXPECT_EQ(guest.trace("spawn"), (Words{"spawn logger", "spawn network", "spawn web"}));
    guest.shutdown();
    EXPECT_EQ(guest.trace(), Words{"TERM all of web"});
    EXPECT_EQ(guest.phase(network), Phase::Held);
    guest.exits(web, 0);
    EXPECT_EQ(guest.trace("TERM"), (Words{"TERM all of network", "TERM all of logger"}));
    EXPECT_EQ(guest.exit_code(), 0);
}

TEST(Shutdown, RefusesNewStarts) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId late = guest.add("late");
    guest.policy(late).enabled = false;
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.shutdown();
    guest.start(late);
    guest.restart(late);
    guest.restart(web);
    guest.boot();
    EXPECT_TRUE(guest.engine().shutting_down());
    EXPECT_EQ(guest.spawns(late), 0);
    guest.advance(10_s);
    EXPECT_TRUE(guest.ended());
    EXPECT_EQ(guest.spawns(web), 1);
}

TEST(Shutdown, KillsWhatIsLeftBeforeTheBudgetIsOver) {
    Simulation guest;
    guest.settings.stop_budget = 9_s;
    UnitPolicy slow = Simulation::service();
    slow.stop[0].wait_ms = kForever;
    const UnitId web = guest.add("web", slow);
    const UnitId below = guest.add("below");
    guest.command(web, CommandRole::PostStop);
    guest.after(web, below);
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.trace();
    guest.shutdown();
    guest.advance(7'199_ms);
    EXPECT_EQ(guest.trace(), Words{"TERM all of web"});
    guest.advance(1_ms);
    EXPECT_EQ(guest.trace(),
              (Words{"kill web", "kill below", "release web", "release below", "end 0"}));
}

TEST(Shutdown, EndsWithAHungProcessAndNamesItsUnit) {
    Simulation guest;
    guest.settings.stop_budget = 9_s;
    const UnitId web = guest.add("web");
    const UnitId hung = guest.add("hung");
    guest.behaviour(hung).immortal = true;
    guest.boot();
    guest.shutdown();
    guest.advance(8'999_ms);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_FALSE(guest.ended());
    guest.advance(1_ms);
    EXPECT_TRUE(guest.ended());
    EXPECT_EQ(guest.end().unit, hung);
}

TEST(Shutdown, HurriesAtTheSecondRequestAndKillsAtTheThird) {
    Simulation guest;
    const UnitId below = guest.add("below");
    const UnitId web = guest.add("web");
    guest.after(web, below);
    guest.behaviour(web).obeys = false;
    guest.behaviour(below).obeys = false;
    guest.boot();
    guest.trace();
    guest.shutdown(0);
    EXPECT_EQ(guest.trace(), Words{"TERM all of web"});
    guest.shutdown(9, EndKind::Reboot);
    EXPECT_EQ(guest.trace(), Words{"TERM all of below"});
    EXPECT_EQ(guest.engine().deadline(), guest.now() + 2_s);
    guest.shutdown(0);
    EXPECT_EQ(guest.trace("kill"), (Words{"kill below", "kill web"}));
    EXPECT_TRUE(guest.ended());
    EXPECT_EQ(guest.end().end, EndKind::Exit);
    EXPECT_EQ(guest.exit_code(), 0);
}

TEST(Shutdown, LetsAHungGuestGoSoonAfterTheThirdRequest) {
    Simulation guest;
    const UnitId hung = guest.add("hung");
    guest.behaviour(hung).immortal = true;
    guest.boot();
    for (int i = 0; i < 5; ++i)
        guest.shutdown();
    guest.advance(2_s);
    EXPECT_TRUE(guest.ended());
    guest.start(hung);
    EXPECT_TRUE(guest.sane());
}

TEST(Shutdown, KillsAfterTwoSecondsOfHurry) {
    Simulation guest;
    guest.settings.stop_budget = Duration::infinity();
    const UnitId web = guest.add("web");
    guest.behaviour(web).obeys = false;
    guest.boot();
    guest.shutdown();
    guest.shutdown();
    guest.advance(2_s);
    EXPECT_TRUE(guest.ended());
}

TEST(Shutdown, CancelsWhatWaitsOrIsAboutToTryAgain) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId database = guest.add("database", Simulation::notify());
    const UnitId crasher = guest.add("crasher");
    guest.needs(web, database);
    guest.boot();
    guest.exits(crasher, 1);
    guest.shutdown();
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.state(crasher), UnitState::Down);
    EXPECT_EQ(guest.spawns(web), 0);
    EXPECT_TRUE(guest.ended());
}

TEST(Outcome, StartsAUnitOncePerFailureAndSaysForWhom) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.restart = RestartPolicy::No;
    policy.on_failure = OutcomeAction::StartUnit;
    policy.on_success = OutcomeAction::StartUnit;
    policy.outcome_units = {2, 1, kNoUnit};
    const UnitId web = guest.add("web", policy);
    UnitPolicy job = Simulation::oneshot();
    job.enabled = false;
    job.remain_after_exit = false;
    const UnitId report = guest.add("report", job);
    const UnitId cheer = guest.add("cheer", job);
    guest.boot();
    guest.exits(web, 1);
    EXPECT_EQ(guest.spawns(report), 1);
    EXPECT_EQ(guest.engine().view(report).trigger, web);
    guest.exits(report, 0);
    EXPECT_EQ(guest.spawns(cheer), 0);

    guest.start(web);
    guest.exits(web, 0);
    EXPECT_EQ(guest.spawns(report), 1);
    EXPECT_EQ(guest.spawns(cheer), 1);
}

TEST(Outcome, DoesNotLoopWhenTwoUnitsStartEachOther) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.restart = RestartPolicy::No;
    policy.restart_burst = 0;
    policy.on_failure = OutcomeAction::StartUnit;
    policy.outcome_units = {kNoUnit, 1, kNoUnit};
    const UnitId one = guest.add("one", policy);
    policy.outcome_units = {kNoUnit, 0, kNoUnit};
    policy.enabled = false;
    const UnitId two = guest.add("two", policy);
    UnitPolicy broken = Simulation::service();
    broken.restart = RestartPolicy::No;
    const UnitId needed = guest.add("needed", broken);
    guest.behaviour(needed).spawn_error = ENOENT;
    guest.needs(one, needed);
    guest.needs(two, needed);
    guest.boot();
    EXPECT_EQ(guest.state(one), UnitState::Failed);
    EXPECT_EQ(guest.state(two), UnitState::Failed);
}

TEST(Outcome, EndsTheGuestAsTold) {
    const std::pair<OutcomeAction, EndKind> cases[] = {{OutcomeAction::Exit, EndKind::Exit},
                                                       {OutcomeAction::Shutdown, EndKind::Poweroff},
                                                       {OutcomeAction::Reboot, EndKind::Reboot}};
    for (const auto& [action, end] : cases) {
        Simulation guest;
        UnitPolicy policy = Simulation::service();
        policy.restart = RestartPolicy::No;
        policy.on_failure = action;
        const UnitId web = guest.add("web", policy);
        guest.boot();
        guest.exits(web, 4);
        EXPECT_TRUE(guest.ended());
        EXPECT_EQ(guest.end().end, end);
        EXPECT_EQ(guest.exit_code(), 4);
    }
}

TEST(Outcome, TellsTheLimitFromAFailure) {
    Simulation guest;
    UnitPolicy policy = Simulation::service();
    policy.restart_burst = 1;
    policy.on_limit = OutcomeAction::Reboot;
    policy.on_failure = OutcomeAction::Exit;
    const UnitId web = guest.add("web", policy);
    guest.boot();
    guest.exits(web, 1);
    guest.advance(1_s);
    guest.exits(web, 1);
    EXPECT_EQ(guest.end().end, EndKind::Reboot);
}

} // namespace
} // namespace stead::engine
