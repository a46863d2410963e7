#include <fcntl.h>

#include <fstream>
#include <set>

#include <gtest/gtest.h>

#include "guests/ids.h"
#include "guests/state.h"
#include "guests/temporary.h"

namespace stead::guests {
namespace {

TEST(IdRange, IsRememberedUnderTheGuestsName) {
    const TemporaryHost host;
    const auto first = range_of(host.paths(), "web");
    const auto other = range_of(host.paths(), "db");
    const auto again = range_of(host.paths(), "web");
    ASSERT_TRUE(first && other && again);
    EXPECT_EQ(first->first, again->first);
    EXPECT_NE(first->first, other->first);
}

TEST(IdRange, IsAlignedAndFarFromUsersOfTheHost) {
    const TemporaryHost host;
    const auto range = range_of(host.paths(), "web");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->first % kRangeSize, 0U);
    EXPECT_EQ(range->count, kRangeSize);
    EXPECT_GE(range->first, kFirstRange);
}

TEST(IdRange, NeverOverlapsAnotherOne) {
    const TemporaryHost host;
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 20; ++i) {
        const auto range = range_of(host.paths(), "guest" + std::to_string(i));
        ASSERT_TRUE(range);
        EXPECT_TRUE(seen.insert(range->first / kRangeSize).second);
    }
}

TEST(IdRange, PreviewWritesNothing) {
    const TemporaryHost host;
    ASSERT_TRUE(preview_range(host.paths(), "web"));
    EXPECT_FALSE(std::filesystem::exists(host.paths().state));
}

TEST(IdRange, SurvivesAFileThatSomebodyScribbledIn) {
    const TemporaryHost host;
    const auto before = range_of(host.paths(), "web");
    ASSERT_TRUE(before);
    std::ofstream(host.paths().state + "/ids", std::ios::app)
        << "garbage\nweb2 12345\n../x 1879048192\nhost 0\n";
    const auto after = range_of(host.paths(), "web");
    ASSERT_TRUE(after);
    EXPECT_EQ(before->first, after->first);
    const auto bad = range_of(host.paths(), "web2");
    ASSERT_TRUE(bad);
    EXPECT_GE(bad->first, kFirstRange);
    const auto zero = range_of(host.paths(), "host");
    ASSERT_TRUE(zero);
    EXPECT_GE(zero->first, kFirstRange);
}

TEST(SubordinateRange, IsReadFromItsLine) {
    const auto range = parse_subordinate("alice:100000:65536");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->first, 100000U);
    EXPECT_EQ(range->count, 65536U);
}

TEST(SubordinateRange, IsNothingForAnyOtherLine) {
    for (const char* line : {"", "alice", "alice:1", "alice:x:5", "alice:1:0", "a:1:2:3", "a:-1:5"})
        EXPECT_FALSE(parse_subordinate(line)) << line;
}

TEST(DynamicId, DependsOnTheNamesOnly) {
    const TemporaryHost host;
    const auto first = claim_dynamic(host.paths(), "redis", "main");
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, preview_dynamic("redis", "main"));
    EXPECT_GE(*first, kFirstDynamic);
    EXPECT_LE(*first, kLastDynamic);
    release_dynamic(host.paths(), "redis");
    const auto again = claim_dynamic(host.paths(), "redis", "main");
    ASSERT_TRUE(again);
    EXPECT_EQ(*first, *again);
}

TEST(DynamicId, OfALivingGuestIsNotGivenTwice) {
    const TemporaryHost host;
    const auto held = claim(host.paths(), "other");
    ASSERT_TRUE(held);
    const std::uint32_t wanted = preview_dynamic("redis", "main");
    std::filesystem::create_directories(host.paths().runtime + "/uids");
    std::filesystem::create_symlink("other/main",
                                    host.paths().runtime + "/uids/" + std::to_string(wanted));
    const auto uid = claim_dynamic(host.paths(), "redis", "main");
    ASSERT_TRUE(uid);
    EXPECT_NE(*uid, wanted);
}

TEST(DynamicId, IsAnotherOneForAnotherUnit) {
    const TemporaryHost host;
    const auto held = claim(host.paths(), "redis");
    ASSERT_TRUE(held);
    const std::string wanted = std::to_string(preview_dynamic("redis", "main"));
    std::filesystem::create_directories(host.paths().runtime + "/uids");
    std::filesystem::create_symlink("redis/other", host.paths().runtime + "/uids/" + wanted);
    const auto uid = claim_dynamic(host.paths(), "redis", "main");
    ASSERT_TRUE(uid);
    EXPECT_NE(std::to_string(*uid), wanted);
    release_dynamic(host.paths(), "redis");
    EXPECT_TRUE(std::filesystem::is_empty(host.paths().runtime + "/uids"));
}

TEST(DynamicId, OfAGuestThatIsGoneIsFree) {
    const TemporaryHost host;
    const std::uint32_t wanted = preview_dynamic("redis", "main");
    std::filesystem::create_directories(host.paths().runtime + "/uids");
    std::filesystem::create_symlink("gone/main",
                                    host.paths().runtime + "/uids/" + std::to_string(wanted));
    const auto uid = claim_dynamic(host.paths(), "redis", "main");
    ASSERT_TRUE(uid);
    EXPECT_EQ(*uid, wanted);
}

} // namespace
} // namespace stead::guests
