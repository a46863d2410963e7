#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;
using Words = std::vector<std::string>;

TEST(Start, RunsEveryEnabledUnitAtBoot) {
    Simulation guest;
    const UnitId web = guest.add("web");
    UnitPolicy disabled = Simulation::service();
    disabled.enabled = false;
    const UnitId tool = guest.add("tool", disabled);
    guest.boot();
    EXPECT_EQ(guest.state(web), UnitState::Up);
    EXPECT_EQ(guest.state(tool), UnitState::Down);
    EXPECT_EQ(guest.reason(tool).kind, ReasonKind::NotEnabled);
    EXPECT_TRUE(guest.engine().boot_settled());

    guest.start(tool);
    EXPECT_EQ(guest.state(tool), UnitState::Up);
}

TEST(Start, BringsWhatItNeedsUpFirst) {
    Simulation guest;
    UnitPolicy notify = Simulation::service();
    notify.type = UnitType::Notify;
    notify.ready = ReadyKind::Notify;
    notify.enabled = false;
    const UnitId web = guest.add("web");
    const UnitId database = guest.add("database", notify);
    guest.needs(web, database);
    guest.boot();
    EXPECT_EQ(guest.trace(), Words{"spawn database"});
    EXPECT_EQ(guest.state(web), UnitState::Waiting);
    EXPECT_EQ(guest.reason(web).unit, database);
    EXPECT_FALSE(guest.engine().boot_settled());

    guest.ready(database);
    EXPECT_EQ(guest.trace(), Words{"spawn web"});
    EXPECT_TRUE(guest.engine().boot_settled());

    guest.shutdown();
    EXPECT_EQ(guest.trace(), (Words{"TERM all of web", "release web", "TERM all of database",
                                    "release database", "end 0"}));
    EXPECT_TRUE(guest.sane());
}

TEST(Restart, WaitsForTheDelayAndGivesUpAtTheLimit) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.boot();
    guest.exits(web, 1);
    EXPECT_EQ(guest.phase(web), Phase::Backoff);
    guest.advance(99_ms);
    EXPECT_EQ(guest.spawns(web), 1);
    guest.advance(1_ms);
    EXPECT_EQ(guest.spawns(web), 2);
    guest.exits(web, 1);
    guest.advance(200_ms);
    guest.exits(web, 1);
    guest.advance(400_ms);
    EXPECT_EQ(guest.spawns(web), 4);
    guest.exits(web, 1);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(guest.reason(web).kind, ReasonKind::StartLimit);
    guest.start(web);
    EXPECT_EQ(guest.state(web), UnitState::Up);
}

} // namespace
} // namespace stead::engine
