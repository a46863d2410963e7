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

} // namespace
} // namespace stead::engine
