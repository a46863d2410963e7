#include <iostream>

#include <gtest/gtest.h>

#include "fakes/simulation.h"

namespace stead::engine {
namespace {

using fakes::Simulation;
using namespace stead::literals;

enum class Shape { Chain, FanIn, FanOut };

/// Boots and shuts down `count` units of a shape, checks the order, and tells how many edges were
/// looked at.
std::uint64_t cost_of(Shape shape, int count) {
    Simulation guest;
    for (int i = 0; i < count; ++i)
        guest.add(std::to_string(i), Simulation::notify());
    for (int i = 1; i < count; ++i) {
        const auto unit = static_cast<UnitId>(i);
        if (shape == Shape::Chain) guest.needs(unit, static_cast<UnitId>(i - 1));
        if (shape == Shape::FanIn) guest.needs(0, unit);
        if (shape == Shape::FanOut) guest.needs(unit, 0);
    }
    guest.boot();
    const auto up = [&](int i) { guest.ready(static_cast<UnitId>(i)); };
    // A hub hears of its neighbours in the order that is worst for it.
    if (shape == Shape::FanIn) {
        for (int i = 1; i < count; ++i)
            up(i);
        up(0);
    } else {
        for (int i = 0; i < count; ++i)
            up(i);
    }
    EXPECT_TRUE(guest.engine().boot_settled());
    const auto spawned = guest.trace("spawn");
    EXPECT_EQ(spawned.size(), static_cast<std::size_t>(count));
    guest.shutdown();
    EXPECT_TRUE(guest.ended());
    const auto stopped = guest.trace("TERM");
    EXPECT_EQ(stopped.size(), static_cast<std::size_t>(count));
    const std::string hub = "0";
    EXPECT_EQ(spawned[shape == Shape::FanIn ? spawned.size() - 1 : 0], "spawn " + hub);
    EXPECT_EQ(stopped[shape == Shape::FanIn ? 0 : stopped.size() - 1], "TERM all of " + hub);
    for (std::size_t i = 0; shape == Shape::Chain && i < spawned.size(); ++i)
        EXPECT_EQ(spawned[i].substr(6), stopped[stopped.size() - 1 - i].substr(12));
    return guest.work();
}

TEST(Scale, CostsALinearNumberOfLooksInAChainAndInFans) {
    for (const Shape shape : {Shape::Chain, Shape::FanIn, Shape::FanOut}) {
        const std::uint64_t small = cost_of(shape, 500);
        const std::uint64_t large = cost_of(shape, 1000);
        EXPECT_LT(large, small * 22 / 10) << static_cast<int>(shape);
        EXPECT_LT(large, 100U * 1000) << static_cast<int>(shape);
    }
}

TEST(Scale, StartsAThousandUnitsAtOnce) {
    Simulation guest;
    for (int i = 0; i < 1000; ++i)
        guest.add(std::to_string(i));
    guest.boot();
    EXPECT_EQ(guest.trace("spawn").size(), 1000U);
    EXPECT_TRUE(guest.engine().boot_settled());
}

TEST(Scale, RemembersAUnitInLittleMemory) {
    Simulation guest;
    UnitPolicy policy;
    for (int i = 0; i < 1000; ++i)
        guest.add(std::to_string(i), policy);
    for (int i = 1; i < 1000; ++i)
        guest.needs(static_cast<UnitId>(i), static_cast<UnitId>(i - 1));
    const std::size_t each = (guest.memory() - sizeof(GuestRuntime)) / 1000;
    std::cout << each << " bytes a unit, " << sizeof(UnitRuntime) << " of them its record\n";
    EXPECT_LE(each, 216U);
}

TEST(Scale, FiresDeadlinesInTheirOrder) {
    Simulation guest;
    for (int i = 0; i < 300; ++i) {
        UnitPolicy policy = Simulation::service();
        policy.restart_delay_ms = static_cast<std::uint32_t>(1 + i * 7919 % 300);
        guest.add(std::to_string(policy.restart_delay_ms), policy);
    }
    guest.boot();
    for (UnitId unit = 0; unit < 300; ++unit)
        guest.exits(unit, 1);
    guest.trace();
    // Some deadlines are taken back from the middle of the heap.
    for (UnitId unit = 0; unit < 300; unit += 3)
        guest.stop(unit);
    guest.advance(1_s);
    const auto spawned = guest.trace("spawn");
    EXPECT_EQ(spawned.size(), 200U);
    for (std::size_t i = 1; i < spawned.size(); ++i)
        EXPECT_LT(std::stoi(spawned[i - 1].substr(6)), std::stoi(spawned[i].substr(6)));
}

} // namespace
} // namespace stead::engine
