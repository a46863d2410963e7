#include <unistd.h>

#include <gtest/gtest.h>

#include "context/guest.h"

namespace stead::testing {

#define NEEDS_ROOT()                                                                               \
    if (::geteuid() != 0) GTEST_SKIP() << "needs root"

TEST(Start, GivesAJailItsOwnPidOneInASessionOfItsOwn) {
    NEEDS_ROOT();
    Guest guest = Guest::jail();
    const Told told = guest.run({"pid", "cat /proc/self/status", "cat /proc/self/mountinfo"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("pid 1 sid 1")) << told.output;
    EXPECT_EQ(told.exit_code, 0);
}

TEST(Start, RunsTheHostsProgramsInAJail) {
    NEEDS_ROOT();
    Guest guest = Guest::jail();
    const Told told = guest.run({"sh uname -n; ls /"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("probe")) << told.output;
}

TEST(Start, RunsAFolderWithHostUsers) {
    NEEDS_ROOT();
    Guest guest = Guest::folder(recipe::Users::Host);
    const Told told = guest.run({"cat /etc/mine", "write /etc/new"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("guest")) << told.output;
    EXPECT_TRUE(told.has("write /etc/new: OK")) << told.output;
}

TEST(Start, RunsAFolderWithUsersOfItsOwn) {
    NEEDS_ROOT();
    Guest guest = Guest::folder(recipe::Users::Private);
    const Told told =
        guest.run({"cat /etc/mine", "write /etc/new", "stat /etc/new", "stat /dev/null",
                   "cat /proc/self/uid_map", "cat /proc/self/status", "cat /proc/self/mountinfo",
                   "sh echo hi >/dev/null; ls -la /run /run/stead /dev"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("guest")) << told.output;
    EXPECT_TRUE(told.has("write /etc/new: OK")) << told.output;
}

TEST(Start, Eph) {
    NEEDS_ROOT();
    for (auto users : {recipe::Users::Host, recipe::Users::Private}) {
        Guest guest = Guest::folder(users);
        guest.recipe.root.kind = recipe::RootKind::EphemeralOverlay;
        guest.use_cgroup();
        const Told told =
            guest.run({"cat /etc/mine", "write /etc/new", "stat /etc/new", "mkdir /new",
                       "cat /proc/self/mountinfo", "cat /proc/self/cgroup"});
        ASSERT_FALSE(told.error) << told.why();
        EXPECT_TRUE(told.has("guest")) << told.output;
        EXPECT_TRUE(told.has("write /etc/new: OK")) << told.output;
    }
}

} // namespace stead::testing
