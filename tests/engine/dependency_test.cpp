#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;
using Words = std::vector<std::string>;

UnitPolicy disabled(UnitPolicy policy = Simulation::service()) {
    policy.enabled = false;
    return policy;
}

TEST(Dependency, StartsWhatIsRequiredAndReleasesItWithItsLastHolder) {
    Simulation guest;
    const UnitId web = guest.add("web", disabled());
    const UnitId mail = guest.add("mail", disabled());
    const UnitId database = guest.add("database", disabled());
    guest.needs(web, database);
    guest.needs(mail, database);
    guest.start(web);
    guest.start(mail);
    EXPECT_EQ(guest.trace("spawn"), (Words{"spawn database", "spawn web", "spawn mail"}));

    guest.stop(web);
    EXPECT_EQ(guest.state(database), UnitState::Up);
    guest.stop(mail);
    EXPECT_EQ(guest.state(database), UnitState::Down);
    EXPECT_EQ(guest.reason(database).kind, ReasonKind::NotNeeded);
}

TEST(Dependency, KeepsWhatWasAlsoStartedByHand) {
    Simulation guest;
    const UnitId web = guest.add("web", disabled());
    const UnitId database = guest.add("database", disabled());
    guest.needs(web, database);
    guest.start(web);
    guest.start(database);
    guest.stop(web);
    EXPECT_EQ(guest.state(database), UnitState::Up);
}

TEST(Dependency, StopsHardDependentsFirstInReverseOrder) {
    Simulation guest;
    const UnitId database = guest.add("database");
    const UnitId application = guest.add("application");
    const UnitId web = guest.add("web");
    const UnitId fan = guest.add("fan");
    guest.needs(application, database);
    guest.needs(web, application);
    guest.wants(fan, database);
    guest.boot();
    guest.trace();
    guest.stop(database);
    EXPECT_EQ(guest.trace("TERM"),
              (Words{"TERM all of web", "TERM all of application", "TERM all of database"}));
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::Dependency);
    EXPECT_EQ(guest.reason(web).unit, application);
    EXPECT_EQ(guest.state(fan), UnitState::Up);

    guest.start(database);
    EXPECT_EQ(guest.state(application), UnitState::Down);
}

TEST(Dependency, FailsWhenWhatItRequiresFails) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId database = guest.add("database");
    const UnitId top = guest.add("top");
    guest.needs(web, database);
    guest.needs(top, web);
    guest.behaviour(database).spawn_error = 2;
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::Dependency);
    EXPECT_EQ(guest.reason(web).unit, database);
    EXPECT_EQ(guest.reason(top).unit, web);
    EXPECT_EQ(guest.spawns(web), 0);
    EXPECT_TRUE(guest.engine().boot_settled());
}

TEST(Dependency, StartsAnywayWhenWhatItOnlyWantsFails) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId cache = guest.add("cache", Simulation::notify());
    guest.wants(web, cache);
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Waiting);
    guest.exits(cache, 1);
    EXPECT_EQ(guest.state(cache), UnitState::Backoff);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Dependency, WaitsOnWhileWhatItRequiresTriesAgain) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId database = guest.add("database", Simulation::notify());
    guest.needs(web, database);
    guest.boot();
    guest.exits(database, 1);
    guest.advance(100_ms);
    EXPECT_EQ(guest.state(web), UnitState::Waiting);
    guest.ready(database);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.spawns(web), 1);
}

TEST(Dependency, FailsWhenTheStartItWaitsForIsCancelled) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId database = guest.add("database", Simulation::notify());
    guest.needs(web, database);
    guest.boot();
    guest.stop(database);
    EXPECT_EQ(guest.state(database), UnitState::Down);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::Dependency);
}

TEST(Dependency, OrdersWithoutPullingByAfterAlone) {
    Simulation guest;
    const UnitId web = guest.add("web");
    const UnitId network = guest.add("network", disabled(Simulation::notify()));
    guest.after(web, network);
    guest.start(web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.state(network), UnitState::Down);

    guest.stop(web);
    guest.start(network);
    guest.start(web);
    EXPECT_EQ(guest.state(web), UnitState::Waiting);
    guest.ready(network);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Dependency, IsNotOvertakenThoughItsUnitIsPulledInLater) {
    Simulation guest;
    const UnitId early = guest.add("early");
    const UnitId puller = guest.add("puller");
    const UnitId middle = guest.add("middle", disabled());
    const UnitId late = guest.add("late", disabled(Simulation::notify()));
    guest.after(early, late);
    guest.needs(puller, middle);
    guest.needs(middle, late);
    guest.boot();
    EXPECT_EQ(guest.trace("spawn"), Words{"spawn late"});
    EXPECT_EQ(guest.reason(early).unit, late);
}

TEST(BindsTo, StopsWithACrashAndBothComeBack) {
    Simulation guest;
    const UnitId database = guest.add("database", Simulation::notify());
    const UnitId web = guest.add("web");
    guest.binds_to(web, database);
    guest.boot();
    guest.ready(database);
    guest.exits(database, 1);
    EXPECT_FALSE(guest.runs(web));
    EXPECT_EQ(guest.state(web), UnitState::Waiting);
    guest.advance(100_ms);
    EXPECT_EQ(guest.spawns(web), 1);
    guest.ready(database);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.spawns(web), 2);
}

TEST(BindsTo, GoesDownByHandAndReturnsByHand) {
    Simulation guest;
    const UnitId database = guest.add("database");
    const UnitId web = guest.add("web");
    guest.binds_to(web, database);
    guest.boot();
    guest.stop(database);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::BoundUnitStopped);
    guest.start(database);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.spawns(web), 2);

    guest.stop(database);
    guest.stop(web);
    guest.start(database);
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

TEST(BindsTo, DoesNotPullAnotherStoppedUnitUpWhenItReturns) {
    Simulation guest;
    const UnitId one = guest.add("one");
    const UnitId two = guest.add("two");
    const UnitId web = guest.add("web");
    guest.binds_to(web, one);
    guest.binds_to(web, two);
    guest.boot();
    guest.stop(two);
    guest.restart(one);
    EXPECT_EQ(guest.state(two), UnitState::Down);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    guest.start(two);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(BindsTo, FailsWithItsUnitAndReturnsWhenThatIsStartedAgain) {
    Simulation guest;
    UnitPolicy once = Simulation::service();
    once.restart = RestartPolicy::No;
    const UnitId database = guest.add("database", once);
    const UnitId web = guest.add("web");
    guest.binds_to(web, database);
    guest.boot();
    guest.exits(database, 1);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    guest.start(database);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(BindsTo, GoesDownWhenItsUnitEndsWell) {
    Simulation guest;
    const UnitId job = guest.add("job");
    const UnitId web = guest.add("web");
    guest.binds_to(web, job);
    guest.boot();
    guest.exits(job, 0);
    EXPECT_EQ(guest.state(job), UnitState::Down);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::BoundUnitStopped);
}

TEST(Requires, IsLeftAloneByADirectRestartAndGoesAlongWithANormalOne) {
    for (const RestartMode mode : {RestartMode::Direct, RestartMode::Normal}) {
        Simulation guest;
        UnitPolicy policy = Simulation::service();
        policy.restart_mode = mode;
        const UnitId database = guest.add("database", policy);
        const UnitId web = guest.add("web");
        guest.needs(web, database);
        guest.boot();
        guest.exits(database, 1);
        guest.advance(100_ms);
        EXPECT_EQ(guest.state(web), UnitState::Up);
        EXPECT_EQ(guest.spawns(web), mode == RestartMode::Direct ? 1 : 2);
    }
}

TEST(Requires, RestartsAlongWithARestartByHand) {
    Simulation guest;
    const UnitId database = guest.add("database");
    const UnitId web = guest.add("web");
    guest.needs(web, database);
    guest.boot();
    guest.trace();
    guest.restart(database);
    EXPECT_EQ(guest.trace(),
              (Words{"TERM all of web", "TERM all of database", "spawn database", "spawn web"}));
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

TEST(Requires, IsSatisfiedOnceByAMilestone) {
    Simulation guest;
    UnitPolicy policy = Simulation::oneshot();
    policy.remain_after_exit = false;
    const UnitId setup = guest.add("setup", policy);
    const UnitId one = guest.add("one");
    const UnitId two = guest.add("two", disabled());
    guest.needs(one, setup);
    guest.needs(two, setup);
    guest.boot();
    EXPECT_EQ(guest.state(one), UnitState::Waiting);
    guest.exits(setup, 0);
    EXPECT_EQ(guest.state(setup), UnitState::Done);
    EXPECT_EQ(guest.state(one), UnitState::Up);
    guest.start(two);
    EXPECT_EQ(guest.state(two), UnitState::Up);
    EXPECT_EQ(guest.spawns(setup), 1);
}

TEST(Milestone, IsATargetsFirstStartAndNothingAfterIt) {
    Simulation guest;
    const UnitId setup = guest.add("setup");
    const UnitId booted = guest.add("booted", Simulation::target());
    const UnitId web = guest.add("web");
    guest.needs(booted, setup);
    guest.wants(web, booted);
    guest.after(web, booted);
    guest.behaviour(setup).executes = false;
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Waiting);
    guest.executed(setup);
    EXPECT_EQ(guest.state(booted), UnitState::Up);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    guest.trace();
    // What the milestone needed may go: who has passed it stays, and is restarted without it.
    guest.stop(setup);
    EXPECT_EQ(guest.state(booted), UnitState::Down);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    guest.exits(web, 1);
    guest.advance(1_s);
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.spawns(web), 2);
    EXPECT_EQ(guest.state(setup), UnitState::Down);
}

TEST(PartOf, StopsAndRestartsAlongButDoesNotPull) {
    Simulation guest;
    const UnitId app = guest.add("app", Simulation::target());
    const UnitId web = guest.add("web");
    guest.link(web, DependencyKind::PartOf, app);
    guest.boot();
    guest.restart(app);
    EXPECT_EQ(guest.spawns(web), 2);
    guest.stop(app);
    EXPECT_EQ(guest.state(web), UnitState::Down);
    guest.start(web);
    EXPECT_EQ(guest.state(app), UnitState::Down);
}

TEST(Conflict, StopsTheOtherBeforeItStartsInBothDirections) {
    Simulation guest;
    const UnitId apache = guest.add("apache", disabled());
    const UnitId nginx = guest.add("nginx", disabled());
    guest.conflicts(nginx, apache);
    guest.start(apache);
    guest.trace();
    guest.start(nginx);
    EXPECT_EQ(guest.trace(), (Words{"TERM all of apache", "release apache", "spawn nginx"}));
    EXPECT_EQ(guest.reason(apache).kind, ReasonKind::Conflict);
    guest.start(apache);
    EXPECT_EQ(guest.state(apache), UnitState::Up);
    EXPECT_EQ(guest.state(nginx), UnitState::Down);
}

TEST(Conflict, WaitsForAnUnwillingOther) {
    Simulation guest;
    const UnitId apache = guest.add("apache", disabled());
    const UnitId nginx = guest.add("nginx", disabled());
    guest.conflicts(nginx, apache);
    guest.behaviour(apache).obeys = false;
    guest.start(apache);
    guest.start(nginx);
    EXPECT_EQ(guest.state(nginx), UnitState::Waiting);
    EXPECT_EQ(guest.reason(nginx).unit, apache);
    guest.advance(10_s);
    EXPECT_EQ(guest.state(nginx), UnitState::Up);
}

TEST(Conflict, LetsTheFirstOfTwoEnabledUnitsRun) {
    Simulation guest;
    const UnitId apache = guest.add("apache");
    const UnitId nginx = guest.add("nginx");
    guest.conflicts(nginx, apache);
    guest.boot();
    EXPECT_EQ(guest.state(apache), UnitState::Up);
    EXPECT_EQ(guest.state(nginx), UnitState::Down);
    EXPECT_EQ(guest.reason(nginx).kind, ReasonKind::Conflict);
    EXPECT_EQ(guest.reason(nginx).unit, apache);
}

TEST(Target, ComesUpWithWhatItNeedsAndWithoutAProcess) {
    Simulation guest;
    const UnitId all = guest.add("all", disabled(Simulation::target()));
    const UnitId web = guest.add("web", disabled(Simulation::notify()));
    guest.needs(all, web);
    guest.boot(all);
    EXPECT_EQ(guest.state(all), UnitState::Waiting);
    guest.ready(web);
    EXPECT_EQ(guest.state(all), UnitState::Up);
    guest.stop(all);
    EXPECT_EQ(guest.state(all), UnitState::Down);
    EXPECT_EQ(guest.state(web), UnitState::Down);
}

} // namespace
} // namespace stead::engine
