#include <fcntl.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "sys/btrfs.h"
#include "sys/file.h"

namespace stead::sys {

namespace {

/// What it does on btrfs, tests/vm/disk.sh looks at.
class AnotherFileSystem : public testing::Test {
protected:
    AnotherFileSystem() {
        auto opened = open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
        if (opened) folder_ = *std::move(opened);
    }

    void SetUp() override { ASSERT_TRUE(folder_); }

    UniqueFd folder_;
};

TEST_F(AnotherFileSystem, IsToldFromBtrfs) {
    EXPECT_FALSE(is_btrfs(folder_.get()));
    EXPECT_FALSE(is_btrfs(-1));
}

TEST_F(AnotherFileSystem, HasNoSubvolumes) {
    const auto number = subvolume_of(folder_.get());
    ASSERT_FALSE(number);
    EXPECT_EQ(number.error().code, ENODATA);
    const auto made = make_subvolume(folder_.get(), "x");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ENOTTY);
}

TEST_F(AnotherFileSystem, HasNoGroupsOfQuotas) {
    EXPECT_FALSE(has_qgroups(folder_.get()));
    EXPECT_FALSE(read_qgroup(folder_.get(), 256));
    EXPECT_FALSE(limit_qgroup(folder_.get(), 256, 4096));
    EXPECT_FALSE(forget_qgroup(folder_.get(), 256));
}

TEST_F(AnotherFileSystem, RefusesANameThatNoFolderMayHave) {
    const std::string name(4096, 'n');
    const auto made = make_subvolume(folder_.get(), name.c_str());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ENAMETOOLONG);
}

} // namespace

} // namespace stead::sys
