#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "guests/cgroups.h"
#include "guests/temporary.h"

namespace stead::guests {
namespace {

class Cgroups : public ::testing::Test {
protected:
    void SetUp() override {
        cgroup2_ = find_cgroup2();
        if (!cgroup2_) GTEST_SKIP() << "needs cgroup2 mounted anywhere";
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        if (::access((*cgroup2_ + "/cgroup.procs").c_str(), W_OK) != 0)
            GTEST_SKIP() << "needs a writable cgroup2";
    }

    void TearDown() override {
        if (cgroup2_) ::rmdir(cgroup_parent(host_.paths(), *cgroup2_).c_str());
    }

    TemporaryHost host_;
    std::optional<std::string> cgroup2_;
};

TEST_F(Cgroups, AreMadeWithALeafForPid1AndRemovedWhole) {
    const auto made = make_cgroup(CgroupParent::of_all(host_.paths(), *cgroup2_), "web", {});
    ASSERT_TRUE(made);
    EXPECT_TRUE(std::filesystem::is_directory(made->path + "/init"));
    std::filesystem::create_directories(made->path + "/units/a/b/c");
    ASSERT_TRUE(remove_cgroup(made->path));
    EXPECT_FALSE(std::filesystem::exists(made->path));
    EXPECT_TRUE(remove_cgroup(made->path));
}

TEST_F(Cgroups, AreRemovedWithTheProcessesInThem) {
    const auto made = make_cgroup(CgroupParent::of_all(host_.paths(), *cgroup2_), "web", {});
    ASSERT_TRUE(made);
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    std::ofstream(made->path + "/init/cgroup.procs") << child << std::flush;
    ASSERT_TRUE(remove_cgroup(made->path));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_F(Cgroups, OfAnEarlierLifeAreReplaced) {
    ASSERT_TRUE(make_cgroup(CgroupParent::of_all(host_.paths(), *cgroup2_), "web", {}));
    const auto again = make_cgroup(CgroupParent::of_all(host_.paths(), *cgroup2_), "web", {});
    ASSERT_TRUE(again);
    EXPECT_TRUE(remove_cgroup(again->path));
}

TEST_F(Cgroups, OfAnotherRuntimeFolderHaveAnotherParent) {
    EXPECT_NE(cgroup_parent(host_.paths(), *cgroup2_), cgroup_parent(Paths{}, *cgroup2_));
}

} // namespace
} // namespace stead::guests
