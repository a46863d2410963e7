#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;

Instant at(Simulation& guest, UnitId unit, Moment moment) {
    return guest.engine().view(unit).moments[static_cast<std::size_t>(moment)];
}

TEST(Moments, TellWhenTheFirstStartBeganAndWasUp) {
    Simulation guest;
    const UnitId web = guest.add("web", Simulation::notify());
    const UnitId database = guest.add("database", Simulation::notify());
    guest.needs(web, database);
    guest.advance(1_s);
    const Instant booted = guest.now();
    guest.boot();
    guest.advance(2_s);
    guest.ready(database);
    const Instant database_up = guest.now();
    guest.advance(3_s);
    guest.ready(web);

    // What begins with the boot itself has been told apart from what has not begun.
    EXPECT_EQ(at(guest, database, Moment::Starting), booted + Duration{1000});
    EXPECT_EQ(at(guest, database, Moment::Up), database_up);
    EXPECT_EQ(at(guest, web, Moment::Starting), database_up);
    EXPECT_EQ(at(guest, web, Moment::Up), guest.now());
    EXPECT_EQ(at(guest, web, Moment::Over), Instant{});
}

TEST(Moments, StayThoseOfTheFirstStart) {
    Simulation guest;
    const UnitId web = guest.add("web");
    guest.advance(1_s);
    guest.boot();
    const Moments first = guest.engine().view(web).moments;
    guest.advance(2_s);
    const Instant ended = guest.now();
    guest.exits(web, 1);
    guest.advance(5_s);
    ASSERT_EQ(guest.state(web), UnitState::Up);
    guest.advance(1_s);
    guest.restart(web);
    EXPECT_EQ(at(guest, web, Moment::Starting), first[0]);
    EXPECT_EQ(at(guest, web, Moment::Up), first[1]);
    EXPECT_EQ(at(guest, web, Moment::Over), ended);
}

TEST(Moments, OfAUnitThatNeverCameUpEndWithItsFailure) {
    Simulation guest;
    UnitPolicy policy = Simulation::notify();
    policy.restart = RestartPolicy::No;
    const UnitId web = guest.add("web", policy);
    const UnitId off = guest.add("off", Simulation::service());
    guest.policy(off).enabled = false;
    guest.advance(1_s);
    guest.boot();
    guest.advance(1_s);
    guest.exits(web, 1);
    EXPECT_EQ(guest.state(web), UnitState::Failed);
    EXPECT_EQ(at(guest, web, Moment::Over), guest.now());
    EXPECT_EQ(at(guest, web, Moment::Up), Instant{});
    EXPECT_EQ(guest.engine().view(off).moments, Moments{});
}

} // namespace
} // namespace stead::engine
