#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "sys/path.h"

namespace stead::sys {

namespace {

/// A root with links in it that point out, up and around.
class Resolver : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = "/tmp/stead-path.XXXXXX";
        base_ = ::mkdtemp(pattern.data());
        std::filesystem::create_directories(base_ + "/root/a/b");
        std::ofstream(base_ + "/root/a/b/file") << "inside";
        std::ofstream(base_ + "/outside") << "outside";
        std::filesystem::create_symlink("/a/b", base_ + "/root/absolute");
        std::filesystem::create_symlink("../outside", base_ + "/root/up");
        std::filesystem::create_symlink("../../../../etc/passwd", base_ + "/root/a/far");
        std::filesystem::create_symlink("loop", base_ + "/root/loop");
        std::filesystem::create_symlink("/proc/self/root", base_ + "/root/magic");
        root_ = UniqueFd(::open((base_ + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }

    void TearDown() override { std::filesystem::remove_all(base_); }

    int in_root(const char* path) {
        const auto found = resolve_in_root(root_.get(), path, O_PATH);
        return found ? 0 : found.error().code;
    }

    int beneath(const char* path) {
        const auto found = resolve_beneath(root_.get(), path, O_PATH);
        return found ? 0 : found.error().code;
    }

    std::string base_;
    UniqueFd root_;
};

} // namespace

TEST_F(Resolver, FollowsLinksAsTheGuestItselfWould) {
    EXPECT_EQ(in_root("/absolute/file"), 0);
    EXPECT_EQ(in_root("a/../a/b/file"), 0);
    EXPECT_EQ(in_root("/../../a"), 0);
}

TEST_F(Resolver, NeverLeavesTheRoot) {
    EXPECT_EQ(in_root("/up"), ENOENT);
    EXPECT_EQ(in_root("/a/far"), ENOENT);
    EXPECT_EQ(in_root("/loop"), ELOOP);
    EXPECT_EQ(in_root("/magic"), ENOENT);
    EXPECT_EQ(beneath("../outside"), EXDEV);
    EXPECT_EQ(beneath("/a/../../outside"), EXDEV);
}

TEST_F(Resolver, RefusesEveryLinkBeneath) {
    EXPECT_EQ(beneath("/a/b/file"), 0);
    EXPECT_EQ(beneath(""), 0);
    EXPECT_EQ(beneath("/"), 0);
    for (const char* path : {"/absolute", "/absolute/file", "/up", "/a/far", "/loop", "/magic"}) {
        EXPECT_EQ(beneath(path), ELOOP) << path;
    }
}

TEST_F(Resolver, SplitsOffTheLastComponent) {
    const auto place = resolve_parent(root_.get(), "/a/b/new");
    ASSERT_TRUE(place);
    EXPECT_STREQ(place->name, "new");
    for (const char* path : {"/a/b/", "/a/..", ".", ""}) {
        const auto refused = resolve_parent(root_.get(), path);
        ASSERT_FALSE(refused) << path;
        EXPECT_EQ(refused.error().code, EINVAL) << path;
    }
    EXPECT_FALSE(resolve_parent(root_.get(), "/absolute/new"));
}

TEST_F(Resolver, MakesFoldersComponentByComponent) {
    ASSERT_TRUE(make_folders(root_.get(), "/x/y//z", 0750));

    struct stat status {};

    ASSERT_EQ(::stat((base_ + "/root/x/y/z").c_str(), &status), 0);
    EXPECT_TRUE(S_ISDIR(status.st_mode));
    EXPECT_TRUE(make_folders(root_.get(), "/x/y/z", 0750)) << "an existing folder is as good";
}

TEST_F(Resolver, MakesNoFolderThroughALinkOrAFile) {
    for (const char* path : {"/absolute/new", "/up/new", "/a/b/file/new", "/a/../x", "/loop/x"}) {
        EXPECT_FALSE(make_folders(root_.get(), path, 0750)) << path;
    }
    EXPECT_FALSE(std::filesystem::exists(base_ + "/root/a/b/new"));
    EXPECT_FALSE(std::filesystem::exists(base_ + "/new"));
}

TEST_F(Resolver, NamesADescriptorAsAPath) {
    EXPECT_STREQ(DescriptorPath(7).c_str(), "/proc/self/fd/7");
    EXPECT_STREQ(DescriptorPath(7, "dev").c_str(), "/proc/self/fd/7/dev");
    EXPECT_STREQ(DescriptorPath(7, std::string(400, 'x')).c_str(), "");
}

} // namespace stead::sys
