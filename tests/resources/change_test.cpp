#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "resources/change.h"
#include "resources/fake_tree.h"

namespace stead::resources {

namespace {

Wish wish(std::string_view key, const std::string& content) {
    return {find_level(key), content, content};
}

/// The usual files with the kernel's own defaults.
void fill(const test::FakeTree& tree) {
    tree.level("memory.max", "max");
    tree.level("memory.min", "0");
    tree.level("memory.current", "1048576");
    tree.level("pids.max", "max");
    tree.level("pids.current", "5");
    tree.level("cpu.max", "max 100000");
    tree.level("cpu.weight", "50");
    tree.level("cpu.idle", "0");
    tree.level("cpuset.cpus", "");
    tree.level("io.max", "8:0 rbps=max wbps=1000 riops=max wiops=max");
}

} // namespace

TEST(Change, TakesAllStepsAndReadsThemBack) {
    const test::FakeTree tree;
    fill(tree);
    const Subject guest = tree.guest();
    const Plan plan = plan_change(
        guest,
        {wish("memory-max", "2097152"), wish("pids-max", "200"), wish("cpu-max", "50000 100000")},
        false);
    ASSERT_TRUE(plan.problems.empty()) << plan.problems.front();
    EXPECT_FALSE(resources::apply(guest, plan.steps).has_value());
    EXPECT_EQ(tree.at("memory.max"), "2097152");
    EXPECT_EQ(tree.at("pids.max"), "200");
    EXPECT_EQ(tree.at("cpu.max"), "50000 100000");
}

TEST(Change, TakesBackEverythingWhenOneStepFails) {
    const test::FakeTree tree;
    fill(tree);
    const Subject guest = tree.guest();
    Plan plan = plan_change(guest, {wish("memory-max", "2097152"), wish("pids-max", "200")}, false);
    ASSERT_EQ(plan.steps.size(), 2U);
    // The kernel takes the write and holds something else.
    plan.steps.push_back({find_level("io-weight"), "", "200", nullptr, ""});
    const auto problem = resources::apply(guest, plan.steps);
    ASSERT_TRUE(problem.has_value());
    EXPECT_NE(problem->find("io-weight"), std::string::npos) << *problem;
    EXPECT_EQ(tree.at("memory.max"), "max");
    EXPECT_EQ(tree.at("pids.max"), "max");
}

TEST(Change, WritesNothingInADryRun) {
    const test::FakeTree tree;
    fill(tree);
    const Plan plan = plan_change(tree.guest(), {wish("pids-max", "200")}, true);
    ASSERT_EQ(plan.steps.size(), 1U);
    EXPECT_EQ(plan.steps[0].before, "max");
    EXPECT_EQ(tree.at("pids.max"), "max");
}

TEST(Change, SwitchesAControllerOnFromTheTop) {
    const test::FakeTree tree;
    // A plain file does not appear by itself, as the kernel's would: the change fails after that.
    const Plan plan = plan_change(tree.guest(), {wish("pids-max", "200")}, false);
    ASSERT_EQ(plan.problems.size(), 1U);
    EXPECT_EQ(tree.at("../../cgroup.subtree_control"), "+pids");
    EXPECT_EQ(tree.at("../cgroup.subtree_control"), "+pids");
}

TEST(Change, RefusesWhatContradictsItself) {
    const test::FakeTree tree;
    fill(tree);
    const Plan together = plan_change(
        tree.guest(), {wish("memory-min", "4194304"), wish("memory-max", "2097152")}, false);
    ASSERT_EQ(together.problems.size(), 1U);
    EXPECT_NE(together.problems[0].find("memory-min (4M) is above memory-max (2M)"),
              std::string::npos);
    // With what is there already, too.
    tree.level("memory.max", "2097152");
    EXPECT_EQ(plan_change(tree.guest(), {wish("memory-min", "4194304")}, false).problems.size(),
              1U);
}

TEST(Change, SaysWhatALevelBelowThePresentUseWillDo) {
    const test::FakeTree tree;
    fill(tree);
    const Plan plan =
        plan_change(tree.guest(), {wish("memory-max", "4096"), wish("pids-max", "2")}, true);
    ASSERT_EQ(plan.notes.size(), 2U);
    EXPECT_NE(plan.notes[0].find("below the 1M in use"), std::string::npos) << plan.notes[0];
    EXPECT_NE(plan.notes[1].find("no new one can be started"), std::string::npos);
}

TEST(Change, ReadsOnlyTheDiskAndTheKeysThatAreMeant) {
    const test::FakeTree tree;
    fill(tree);
    const Level& io = *find_level("io-max");
    EXPECT_EQ(*read_level(tree.guest(), io, "8:0 wbps=5"), "8:0 wbps=1000");
    EXPECT_EQ(*read_level(tree.guest(), io, "9:9 rbps=5 riops=5"), "9:9 rbps=max riops=max");
    EXPECT_TRUE(holds(io, "8:0 wbps=1000", *read_level(tree.guest(), io, "8:0 wbps=1000")));
}

TEST(Change, KnowsTheKernelsRounding) {
    EXPECT_TRUE(holds(*find_level("memory-max"), "5000", "4096"));
    EXPECT_FALSE(holds(*find_level("memory-max"), "9000", "4096"));
    EXPECT_FALSE(holds(*find_level("memory-max"), "max", "4096"));
    EXPECT_TRUE(holds(*find_level("cpuset-cpus"), "0,1,2", "0-2"));
    EXPECT_FALSE(holds(*find_level("cpuset-cpus"), "0,1", "0-2"));
    EXPECT_TRUE(holds(*find_level("cpu-uclamp-min"), "20.00", "20.00"));
    EXPECT_TRUE(holds(*find_level("hugetlb-2MB-max"), "3000000", "2097152"));
    EXPECT_FALSE(holds(*find_level("cpuset-cpus-partition"), "root", "root invalid (why)"));
}

/// A crash after step N: the child dies there, and what it wrote down is taken back.
TEST(Change, IsTakenBackWhereverItsCommandDied) {
    for (std::size_t last = 0; last < 3; ++last) {
        const test::FakeTree tree;
        fill(tree);
        const Subject guest = tree.guest();
        const Plan plan = plan_change(
            guest, {wish("memory-max", "2097152"), wish("pids-max", "200"), wish("cpu-idle", "1")},
            false);
        const std::string written = write_down(guest, plan.steps);
        const pid_t child = ::fork();
        if (child == 0) {
            (void)resources::apply(guest, plan.steps, [&](std::size_t step) {
                if (step == last) ::_exit(7);
            });
            ::_exit(1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(WEXITSTATUS(status), 7);
        EXPECT_EQ(tree.at("memory.max"), "2097152");

        const auto read = read_written(written);
        ASSERT_TRUE(read.has_value());
        roll_back(read->subject, read->steps);
        EXPECT_EQ(tree.at("memory.max"), "max") << last;
        EXPECT_EQ(tree.at("pids.max"), "max") << last;
        EXPECT_EQ(tree.at("cpu.idle"), "0") << last;
        EXPECT_EQ(tree.at("cpu.weight"), "50") << last;
    }
}

TEST(Change, BelievesNothingThatIsNotItsOwnWriting) {
    for (const char* text : {"", "{}", "[]", "{\"steps\": 5}", "{\"steps\": [{\"key\": \"oops\"}]}",
                             "{\"steps\": [1]}", "{\"steps\": [{\"key\": 5}]}"})
        EXPECT_FALSE(read_written(text).has_value()) << text;
}

TEST(Drift, IsWhatSomebodyElseChanged) {
    const test::FakeTree tree;
    fill(tree);
    tree.level("pids.max", "77");
    const auto drift =
        find_drift(tree.guest(), {wish("pids-max", "200"), wish("memory-max", "max")});
    ASSERT_EQ(drift.size(), 1U);
    EXPECT_EQ(drift[0].level->key, "pids-max");
    EXPECT_EQ(drift[0].found, "77");
}

TEST(Words, SayLevelsAsPeopleWriteThem) {
    EXPECT_EQ(in_words(*find_level("memory-max"), "536870912"), "512M");
    EXPECT_EQ(in_words(*find_level("memory-max"), "max"), "max");
    EXPECT_EQ(in_words(*find_level("cpu-max"), "150000 100000"), "150%");
    EXPECT_EQ(in_words(*find_level("cpu-max"), "max 100000"), "max");
    EXPECT_EQ(in_words(*find_level("cpu-idle"), "1"), "true");
    EXPECT_EQ(in_words(*find_level("nofile"), "100:200"), "100:200");
    EXPECT_EQ(in_words(*find_level("memlock"), "65536:18446744073709551615"), "64K:infinity");
}

} // namespace stead::resources
