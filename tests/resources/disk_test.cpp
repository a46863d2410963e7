#include <gtest/gtest.h>

#include "resources/account.h"
#include "resources/change.h"
#include "resources/disk.h"
#include "resources/fake_tree.h"

namespace stead::resources {
namespace {

/// A file system with one disk. It counts in blocks of 4096, as xfs does.
class FakeQuotas : public DiskQuotas {
public:
    std::string problem(const std::string& folder, DiskCount count) const override {
        EXPECT_EQ(folder, "/disk");
        if (count == DiskCount::Inodes && !use.inodes) return "is on btrfs";
        return refusal;
    }

    Result<DiskUse> read(const std::string& /*folder*/) const override {
        if (uncounted) return make_error("project of", "/disk", ENODATA);
        return use;
    }

    Result<void> limit(const std::string& /*folder*/,
                       std::optional<std::uint64_t> bytes,
                       std::optional<std::uint64_t> inodes) const override {
        if (full) return make_error("Q_XSETQLIM", "/disk", ENOSPC);
        if (bytes) use.most_bytes = (*bytes + 4095) / 4096 * 4096;
        if (inodes) use.most_inodes = *inodes;
        return {};
    }

    mutable DiskUse use{.inodes = 0};
    std::string refusal;
    bool uncounted = false;
    bool full = false;
};

class Disk : public ::testing::Test {
protected:
    Disk() {
        subject_ = tree_.guest();
        subject_.disk = "/disk";
        subject_.quotas = &quotas_;
        tree_.level("pids.max", "100");
    }

    [[nodiscard]] static Wish
    wish(std::string_view key, const std::string& text, const std::string& content) {
        return {find_level(key), text, content};
    }

    test::FakeTree tree_;
    FakeQuotas quotas_;
    Subject subject_;
};

TEST_F(Disk, LevelsAreSetReadBackAndTakenOff) {
    const std::vector<Wish> wishes{wish("disk-max", "500M", "524288000"),
                                   wish("disk-inodes-max", "20k", "20000")};
    const Plan plan = plan_change(subject_, wishes, false);
    ASSERT_TRUE(plan.problems.empty()) << plan.problems.front();
    EXPECT_TRUE(plan.notes.empty());
    EXPECT_EQ(plan.steps[0].before, "max");
    EXPECT_EQ(resources::apply(subject_, plan.steps), std::nullopt);
    EXPECT_EQ(quotas_.use.most_bytes, 524288000U);
    EXPECT_EQ(quotas_.use.most_inodes, 20000U);
    EXPECT_TRUE(find_drift(subject_, wishes).empty());

    const Plan off = plan_change(
        subject_, {wish("disk-max", "max", "max"), wish("disk-inodes-max", "max", "max")}, false);
    EXPECT_EQ(resources::apply(subject_, off.steps), std::nullopt);
    EXPECT_EQ(quotas_.use.most_bytes, 0U);
    EXPECT_EQ(quotas_.use.most_inodes, 0U);
}

TEST_F(Disk, BlocksOfTheFileSystemAreNoDrift) {
    const std::vector<Wish> wishes{wish("disk-max", "5001B", "5001")};
    EXPECT_EQ(resources::apply(subject_, plan_change(subject_, wishes, false).steps), std::nullopt);
    EXPECT_EQ(quotas_.use.most_bytes, 8192U);
    EXPECT_TRUE(find_drift(subject_, wishes).empty());
    quotas_.use.most_bytes = 16384;
    EXPECT_EQ(find_drift(subject_, wishes).size(), 1U);
    quotas_.use.most_bytes = 0;
    EXPECT_EQ(find_drift(subject_, wishes).size(), 1U) << "no limit is not a small one";
}

TEST_F(Disk, IsRolledBackWithTheOthers) {
    quotas_.use.most_bytes = 8192;
    const Plan plan = plan_change(
        subject_, {wish("disk-max", "1M", "1048576"), wish("pids-max", "9", "9")}, false);
    ASSERT_TRUE(plan.problems.empty()) << plan.problems.front();
    std::filesystem::remove(subject_.cgroup + "/pids.max");
    std::filesystem::create_directory(subject_.cgroup + "/pids.max");
    EXPECT_NE(resources::apply(subject_, plan.steps), std::nullopt);
    EXPECT_EQ(quotas_.use.most_bytes, 8192U);
}

TEST_F(Disk, IsFoundAgainAfterACrash) {
    const Plan plan = plan_change(subject_, {wish("disk-max", "1M", "1048576")}, false);
    const auto written = read_written(write_down(subject_, plan.steps));
    ASSERT_TRUE(written);
    EXPECT_EQ(written->subject.disk, "/disk");
    ASSERT_EQ(written->steps.size(), 1U);
    EXPECT_EQ(written->steps[0].before, "max");
}

TEST_F(Disk, BelowItsUseSaysWhatWillHappen) {
    quotas_.use.bytes = 3U << 20U;
    const Plan plan = plan_change(subject_, {wish("disk-max", "1M", "1048576")}, true);
    ASSERT_EQ(plan.notes.size(), 1U);
    EXPECT_EQ(plan.notes[0], "disk-max 1M is below the 3.0M in use: nothing is lost, and nothing "
                             "more can be written until space is freed");
}

TEST_F(Disk, IsAccounted) {
    quotas_.use = {1U << 20U, 12, 2U << 20U, 0};
    std::size_t found = 0;
    for (const Account& line : account(subject_)) {
        if (line.level->kernel != Kernel::DiskQuota) continue;
        const bool bytes = line.level->key == "disk-max";
        EXPECT_EQ(line.held, bytes ? 1 << 20 : 12);
        EXPECT_EQ(line.limit, bytes ? "2097152" : "max");
        EXPECT_FALSE(line.failures) << "the kernel does not count them";
        ++found;
    }
    EXPECT_EQ(found, 2U);
    EXPECT_TRUE(slow_reasons(subject_).empty());
    quotas_.use.bytes = 2U << 20U;
    const auto reasons = slow_reasons(subject_);
    ASSERT_EQ(reasons.size(), 1U);
    EXPECT_EQ(reasons[0], "web has used up disk-max (2M): writing fails; remove something in it, "
                          "or raise it");
}

TEST_F(Disk, WhoseInodesNobodyCountsHasNoLevelOfThem) {
    quotas_.use.inodes.reset();
    EXPECT_EQ(impossible(subject_, *find_level("disk-max")), "");
    EXPECT_EQ(impossible(subject_, *find_level("disk-inodes-max")),
              "disk-inodes-max: the disk of web is on btrfs");
    for (const Account& line : account(subject_))
        EXPECT_NE(line.level->key, "disk-inodes-max");
}

TEST_F(Disk, IsRefusedByNameWithTheWayOut) {
    const Level& level = *find_level("disk-max");
    EXPECT_EQ(impossible(subject_, level), "");
    quotas_.refusal = "is on a tmpfs; put it elsewhere";
    EXPECT_EQ(impossible(subject_, level),
              "disk-max: the disk of web is on a tmpfs; put it elsewhere");
    EXPECT_TRUE(account(subject_).empty() ||
                account(subject_).back().level->kernel != Kernel::DiskQuota);
    quotas_.refusal.clear();
    quotas_.uncounted = true;
    EXPECT_NE(impossible(subject_, level).find("then set it with --save"), std::string::npos);
    subject_.disk.clear();
    EXPECT_NE(impossible(subject_, level).find("did not tell of it; stop and start it"),
              std::string::npos);
    subject_.no_disk = "its root is the folder /srv/web";
    EXPECT_EQ(impossible(subject_, level),
              "disk-max needs a disk of the guest's own, and web has none: its root is the folder "
              "/srv/web; a guest with image = \"NAME\" keeps its changes on one");
    subject_.unit = true;
    EXPECT_NE(impossible(subject_, level).find("set it on the guest"), std::string::npos);
}

TEST_F(Disk, WhatTheKernelRefusesChangesNothing) {
    quotas_.full = true;
    const Plan plan = plan_change(subject_, {wish("disk-max", "1M", "1048576")}, false);
    const auto problem = resources::apply(subject_, plan.steps);
    ASSERT_TRUE(problem);
    EXPECT_NE(problem->find("disk-max: project quota: bytes does not take '1M'"), std::string::npos)
        << *problem;
}

TEST(KernelQuotas, NameWhatAFileSystemLacks) {
    EXPECT_NE(kernel_quotas().problem("/dev/shm/not/there", DiskCount::Bytes).find("tmpfs"),
              std::string::npos);
    EXPECT_NE(kernel_quotas().problem("/proc", DiskCount::Inodes).find("no project quotas"),
              std::string::npos);
    EXPECT_FALSE(kernel_quotas().read("/proc"));
    EXPECT_FALSE(kernel_quotas().limit("/not/there", 1, 1));
}

} // namespace
} // namespace stead::resources
