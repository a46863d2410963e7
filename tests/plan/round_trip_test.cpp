#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "plan/format.h"
#include "plan/samples.h"

namespace stead::plan {
namespace {

/// `input` as it comes back: `write` fills the counted fields of the policies.
PlanInput counted(PlanInput input) {
    std::uint32_t edges = 0;
    for (UnitInput& unit : input.units) {
        unit.policy.first_dependency = edges;
        unit.policy.dependency_count = static_cast<std::uint32_t>(unit.dependencies.size());
        edges += unit.policy.dependency_count;
        unit.policy.commands = 0;
        for (std::size_t role = 0; role < kCommandRoles; ++role) {
            unit.policy.command_counts[role] =
                static_cast<std::uint8_t>(unit.commands[role].size());
            if (!unit.commands[role].empty())
                unit.policy.commands =
                    static_cast<std::uint16_t>(unit.policy.commands | 1U << role);
        }
    }
    return input;
}

TEST(PlanRoundTrip, KeepsEveryFieldOfARichPlan) {
    const Image image = image_of(rich_plan());
    const auto plan = Plan::open(image.bytes());
    ASSERT_TRUE(plan);
    EXPECT_EQ(read_back(*plan), counted(rich_plan()));
}

TEST(PlanRoundTrip, KeepsEveryFieldOfRandomPlans) {
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        std::mt19937_64 random(seed);
        const PlanInput input = random_plan(random);
        const auto image = write(input);
        ASSERT_TRUE(image) << "seed " << seed << ": " << describe(image.error()).view();
        const Image aligned(*image);
        const auto plan = Plan::open(aligned.bytes());
        ASSERT_TRUE(plan) << "seed " << seed;
        ASSERT_EQ(read_back(*plan), counted(input)) << "seed " << seed;
    }
}

TEST(PlanRoundTrip, WritesTheSameBytesForTheSamePlan) {
    const auto once = write(rich_plan());
    const auto again = write(rich_plan());
    ASSERT_TRUE(once && again);
    EXPECT_EQ(*once, *again);
}

TEST(PlanRoundTrip, HoldsAPlanWithoutUnits) {
    const Image image = image_of({});
    const auto plan = Plan::open(image.bytes());
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->unit_count(), 0U);
    EXPECT_FALSE(plan->guest());
    EXPECT_FALSE(plan->find_unit("any"));
}

TEST(PlanRoundTrip, OpensTheFuzzersGoodSeeds) {
    // After a change of the format: fuzz_seeds tests/fuzz/corpus.
    int seeds = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(STEAD_SOURCE "/tests/fuzz/corpus/plan")) {
        if (!entry.path().filename().string().starts_with("good-")) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        const Image image(std::as_bytes(std::span(bytes)));
        EXPECT_TRUE(Plan::open(image.bytes())) << entry.path();
        ++seeds;
    }
    EXPECT_GE(seeds, 5);
}

TEST(Plan, IsEmptyUntilItIsOpened) {
    const Plan plan;
    EXPECT_EQ(plan.unit_count(), 0U);
    EXPECT_FALSE(plan.guest());
    EXPECT_FALSE(plan.find_unit("any"));
    EXPECT_TRUE(plan.notices().empty());
    EXPECT_TRUE(plan.rejected().empty());
}

TEST(Plan, FindsEveryUnitByNameAndNoOther) {
    PlanInput input;
    for (int i = 0; i < 300; ++i)
        input.units.push_back(simple_unit("u" + std::to_string(i * 7919 % 1000)));
    const Image image = image_of(input);
    const auto plan = Plan::open(image.bytes());
    ASSERT_TRUE(plan);
    for (std::size_t id = 0; id < input.units.size(); ++id) {
        EXPECT_EQ(plan->find_unit(input.units[id].name), static_cast<UnitId>(id));
    }
    for (const char* absent : {"", "u", "u1000", "zzz", "u00"})
        EXPECT_FALSE(plan->find_unit(absent));
}

/// A unit as people write them: a description, its file, arguments, an environment, hooks.
UnitInput typical_unit(int number) {
    const std::string name = "service-" + std::to_string(number);
    UnitInput unit = simple_unit(name);
    unit.description = "Worker number " + std::to_string(number) + " of the mail queue";
    unit.source = "/etc/stead/units/" + name + ".toml";
    unit.commands_of(CommandRole::Main) = {
        {"/opt/app/worker", "--queue", "mail", "--slot", std::to_string(number)}};
    unit.commands_of(CommandRole::PreStart) = {{"/opt/app/prepare", std::to_string(number)}};
    unit.exec.environment = {"MODE=production", "SLOT=" + std::to_string(number)};
    unit.exec.environment_inherit = {"PATH", "TZ", "LANG"};
    unit.exec.directories = {{DirectoryKind::State, 0750, "/var/lib/" + name}};
    unit.exec.limits = {{.resource = 7, .soft = 1024, .hard = 65536}};
    unit.exec.cgroup_settings = {{"memory.max", "536870912"}, {"pids.max", "128"}};
    unit.exec.filter = {1, 2, 3, 4, 5, 6, 7, 8};
    if (number > 0) unit.dependencies = {{0, DependencyKind::Requires}};
    return unit;
}

TEST(PlanSize, StaysBelowAKilobyteAUnit) {
    PlanInput input;
    for (int i = 0; i < 1000; ++i)
        input.units.push_back(typical_unit(i));
    const auto image = write(input);
    ASSERT_TRUE(image);
    RecordProperty("bytes_a_unit", static_cast<int>(image->size() / input.units.size()));
    EXPECT_LT(image->size() / input.units.size(), 1024U);
}

TEST(PlanSize, StoresOnceWhatUnitsHaveInCommon) {
    PlanInput input;
    for (int i = 0; i < 1000; ++i) {
        UnitInput unit = simple_unit("service" + std::to_string(i));
        unit.source = "/etc/stead/units/" + unit.name + ".toml";
        // Each fifth is not like the others, and none of these like another one.
        if (i % 5 == 0) unit.exec.uid = static_cast<std::uint32_t>(1000 + i);
        input.units.push_back(unit);
    }
    const Image image = image_of(input);
    Header header;
    std::memcpy(&header, image.bytes().data(), sizeof header);
    EXPECT_EQ(header.tables[static_cast<std::size_t>(TableId::Bodies)].count, 201U);
    EXPECT_LT(image.bytes().size() / input.units.size(), 448U);
    const auto plan = Plan::open(image.bytes());
    ASSERT_TRUE(plan);
    EXPECT_EQ(read_back(*plan), counted(input));
}

TEST(PlanSize, HoldsAsManyUnitsAsThereMayBe) {
    PlanInput input;
    for (int i = 0; i < static_cast<int>(kMaxUnits); ++i)
        input.units.push_back(typical_unit(i));
    EXPECT_TRUE(write(input));
    input.units.push_back(typical_unit(static_cast<int>(kMaxUnits)));
    EXPECT_FALSE(write(input));
}

} // namespace
} // namespace stead::plan
