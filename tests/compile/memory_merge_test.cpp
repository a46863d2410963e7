#include "compile/fixture.h"

/// The level memory-merge, which a guest's first process takes.
namespace stead::compile {
namespace {

using test::guest;
using test::Host;

constexpr const char* kMerging = "root = \"/srv/root\"\nlimits.memory-merge = true\n";

TEST(MemoryMerge, IsTakenByTheFirstProcessAndRecorded) {
    const auto outcome = guest(kMerging);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_TRUE(outcome.context().merge_memory);
    ASSERT_EQ(outcome.context().inside.size(), 1U);
    EXPECT_EQ(outcome.context().inside[0].key + " " + outcome.context().inside[0].value,
              "memory-merge 1");
    EXPECT_FALSE(guest("root = \"/srv/root\"\n").context().merge_memory);
}

TEST(MemoryMerge, IsRefusedByNameWhereTheKernelHasNone) {
    Host host;
    host.facts.merge_problem = [] { return "needs Linux 6.7"; };
    EXPECT_NE(guest(kMerging, host)
                  .messages.find("web.toml:2:23: error: memory-merge needs Linux 6.7; take the key "
                                 "out"),
              std::string::npos)
        << guest(kMerging, host).messages;
    // What holds anyway can be had everywhere.
    EXPECT_TRUE(guest("root = \"/srv/root\"\nlimits.memory-merge = false\n", host).guest);
}

TEST(MemoryMerge, SaysThatAMachineMergesNothingYet) {
    Host host;
    host.facts.merges_pages = [] { return false; };
    const auto outcome = guest(kMerging, host);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    std::string notices;
    for (const std::string& notice : outcome.context().notices)
        notices += notice + "\n";
    EXPECT_NE(notices.find("echo 1 >/sys/kernel/mm/ksm/run"), std::string::npos) << notices;
}

} // namespace
} // namespace stead::compile
