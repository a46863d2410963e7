#include <cstring>

#include <gtest/gtest.h>

#include "plan/format.h"
#include "plan/samples.h"

/// Every damage to an image either is refused or leaves a plan whose accessors stay inside: run
/// under the sanitizers these tests are about memory, in the normal run about endless loops.
namespace stead::plan {
namespace {

/// Reads all of a plan that has survived a mutation; true if it opened.
bool opens_and_reads(std::span<const std::byte> image) {
    const auto plan = Plan::open(image);
    if (!plan) {
        EXPECT_FALSE(plan.error().subject().empty());
        return false;
    }
    const PlanInput all = read_back(*plan);
    for (std::size_t id = 0; id < all.units.size(); ++id) {
        EXPECT_EQ(plan->find_unit(all.units[id].name), static_cast<UnitId>(id));
    }
    return true;
}

TEST(PlanMutation, RefusesEveryTruncation) {
    const Image whole = image_of(rich_plan());
    for (std::size_t size = 0; size < whole.bytes().size(); ++size) {
        const Image cut(whole.bytes().first(size));
        EXPECT_FALSE(opens_and_reads(cut.bytes())) << size;
    }
}

TEST(PlanMutation, RefusesATruncationThatCorrectsTheSize) {
    const Image whole = image_of(rich_plan());
    for (std::size_t size = sizeof(Header); size < whole.bytes().size(); ++size) {
        Image cut(whole.bytes().first(size));
        const auto claimed = static_cast<std::uint32_t>(size);
        std::memcpy(cut.bytes().data() + offsetof(Header, size), &claimed, sizeof claimed);
        EXPECT_FALSE(opens_and_reads(cut.bytes())) << size;
    }
}

TEST(PlanMutation, SurvivesEveryValueOfEveryByte) {
    Image image = image_of(rich_plan());
    std::size_t opened = 0;
    for (std::byte& at : image.bytes()) {
        const std::byte before = at;
        for (const std::byte change :
             {std::byte{0x01}, std::byte{0x02}, std::byte{0x80}, std::byte{0xff}}) {
            at = before ^ change;
            opened += opens_and_reads(image.bytes()) ? 1 : 0;
        }
        at = before;
    }
    // Times, codes and letters may be anything; most other bytes may not.
    EXPECT_GT(opened, 0U);
    EXPECT_LT(opened, image.bytes().size() * 4);
    EXPECT_TRUE(opens_and_reads(image.bytes()));
}

TEST(PlanMutation, SurvivesManyChangesAtOnce) {
    const Image original = image_of(rich_plan());
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        std::mt19937_64 random(seed);
        Image image = original;
        for (std::uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
            // Whole words: these are the offsets and counts.
            const std::size_t at = random() % (image.bytes().size() / 4) * 4;
            const auto value =
                static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % 300);
            std::memcpy(image.bytes().data() + at, &value, sizeof value);
        }
        opens_and_reads(image.bytes());
    }
    EXPECT_TRUE(opens_and_reads(original.bytes()));
}

TEST(PlanMutation, ReadsNoBoolThatIsNone) {
    Image image = image_of(rich_plan());
    Header header;
    std::memcpy(&header, image.bytes().data(), sizeof header);
    const std::size_t policy = header.tables[static_cast<std::size_t>(TableId::Policies)].first;
    image.bytes()[policy + offsetof(UnitPolicy, essential)] = std::byte{2};
    const auto plan = Plan::open(image.bytes());
    ASSERT_FALSE(plan);
    EXPECT_EQ(describe(plan.error()).view(), "plan unit nginx: a number out of its range");
}

/// What is said of a plan whose units a and b have the bodies `of_a` and `of_b`.
std::string bodies(std::uint16_t of_a, std::uint16_t of_b) {
    PlanInput input;
    input.units = {simple_unit("a"), simple_unit("b")};
    input.units[1].exec.uid = 7;
    Image image = image_of(input);
    Header header;
    std::memcpy(&header, image.bytes().data(), sizeof header);
    const std::size_t units = header.tables[static_cast<std::size_t>(TableId::Units)].first;
    auto* records = reinterpret_cast<UnitRecord*>(image.bytes().data() + units);
    records[0].body = of_a;
    records[1].body = of_b;
    const auto plan = Plan::open(image.bytes());
    return plan ? "accepted" : std::string(describe(plan.error()).view());
}

TEST(PlanMutation, TakesEveryBodyInItsPlace) {
    EXPECT_EQ(bodies(0, 1), "accepted");
    EXPECT_EQ(bodies(1, 0), "plan unit a: its body is out of place");
    EXPECT_EQ(bodies(0, 2), "plan unit b: its body is out of place");
    EXPECT_EQ(bodies(0, 0xffff), "plan unit b: its body is out of place");
    EXPECT_EQ(bodies(0, 0), "plan records that belong to no unit");
}

} // namespace
} // namespace stead::plan
