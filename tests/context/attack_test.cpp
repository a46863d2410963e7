#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "context/guest.h"

/// Roots made by somebody hostile, and what may be left behind when a start fails: nothing.
namespace stead::testing {

namespace {

using recipe::MountKind;

/// A folder outside the root with a file in it: names, owners, modes and times of change.
class Canary {
public:
    explicit Canary(const Guest& guest)
        : path_(guest.base + "/canary") {
        std::filesystem::create_directories(path_ + "/sub");
        std::ofstream(path_ + "/file") << "untouched\n";
        before_ = picture();
    }

    [[nodiscard]] const std::string& path() const { return path_; }

    [[nodiscard]] bool is_untouched() const { return picture() == before_; }

private:
    [[nodiscard]] std::string picture() const {
        std::ostringstream text;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
            struct stat status {};

            ::lstat(entry.path().c_str(), &status);
            text << entry.path() << ' ' << status.st_uid << ' ' << status.st_mode << ' '
                 << status.st_ctim.tv_sec << '.' << status.st_ctim.tv_nsec << '\n';
        }
        return text.str();
    }

    std::string path_;
    std::string before_;
};

void replace_by_link(const Guest& guest, const char* folder, const std::string& target) {
    const std::string path = guest.base + "/root" + folder;
    std::filesystem::remove_all(path);
    std::filesystem::create_symlink(target, path);
}

} // namespace

class HostileRoot : public ::testing::TestWithParam<recipe::Users> {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    }
};

TEST_P(HostileRoot, IsRefusedWhereAFolderOfOursIsALink) {
    for (const recipe::RootKind kind :
         {recipe::RootKind::Directory, recipe::RootKind::EphemeralOverlay}) {
        for (const char* folder : {"/proc", "/dev", "/sys", "/run"}) {
            Guest guest = Guest::folder(GetParam());
            guest.recipe.root.kind = kind;
            const Canary canary(guest);
            const Traces before = Traces::take();
            for (const std::string& target :
                 {canary.path(), std::string("../canary"), std::string("/etc")}) {
                replace_by_link(guest, folder, target);
                const Told told = guest.run({"pid"});
                ASSERT_TRUE(told.error) << folder << " to " << target << ": " << told.why();
                EXPECT_NE(told.why().find("symbolic link"), std::string::npos) << told.why();
                EXPECT_NE(told.why().find(folder), std::string::npos) << told.why();
            }
            EXPECT_TRUE(canary.is_untouched()) << folder;
            EXPECT_EQ(Traces::take(), before) << folder;
        }
    }
}

TEST_P(HostileRoot, KeepsABindsTargetInside) {
    Guest guest = Guest::folder(GetParam());
    const Canary canary(guest);
    std::filesystem::create_directories(guest.base + "/root/srv/data");
    replace_by_link(guest, "/var/www", "/srv/data");
    replace_by_link(guest, "/var/out", canary.path());
    guest.add(MountKind::Bind, "/var/www", canary.path(), 7);
    Told told = guest.run({"cat /srv/data/file"});
    EXPECT_TRUE(told.has("untouched")) << told.why();

    guest.recipe.mounts.back().target = "/var/out";
    told = guest.run({"pid"});
    EXPECT_TRUE(told.error) << told.why();
    EXPECT_TRUE(canary.is_untouched());
}

TEST_P(HostileRoot, MasksNothingOutside) {
    Guest guest = Guest::folder(GetParam());
    const Canary canary(guest);
    replace_by_link(guest, "/etc/secret", canary.path() + "/file");
    guest.add(MountKind::Mask, "/etc/secret");
    const Told told = guest.run({"pid"});
    EXPECT_FALSE(told.error) << told.why();
    EXPECT_TRUE(canary.is_untouched());
}

TEST_P(HostileRoot, IsNeverOpenedForItsFifos) {
    Guest guest = Guest::folder(GetParam());
    ASSERT_EQ(::mkfifo((guest.base + "/root/etc/passwd").c_str(), 0644), 0);
    EXPECT_FALSE(guest.run({"pid"}).error);
}

TEST_P(HostileRoot, GetsNothingWrittenIntoIt) {
    Guest guest = Guest::folder(GetParam());
    guest.add(MountKind::Folder, "/etc/ours");
    Told told = guest.run({"pid"});
    EXPECT_TRUE(told.error);
    EXPECT_FALSE(std::filesystem::exists(guest.base + "/root/etc/ours"));

    guest.recipe.mounts.pop_back();
    std::filesystem::remove(guest.base + "/root/sys");
    told = guest.run({"pid"});
    ASSERT_TRUE(told.error);
    EXPECT_NE(told.why().find("has no folder /sys"), std::string::npos) << told.why();
    EXPECT_FALSE(std::filesystem::exists(guest.base + "/root/sys"));
}

TEST_P(HostileRoot, IsRefusedWhereItIsNoFolder) {
    Guest guest = Guest::folder(GetParam());
    const Traces before = Traces::take();
    for (const char* path :
         {"/there/is/no/such/root", "/etc/passwd", "relative", "/etc/../etc", ""}) {
        guest.recipe.root.path = path;
        EXPECT_TRUE(guest.run({"pid"}).error) << path;
    }
    EXPECT_EQ(Traces::take(), before);
}

INSTANTIATE_TEST_SUITE_P(Users,
                         HostileRoot,
                         ::testing::Values(recipe::Users::Host, recipe::Users::Private),
                         [](const auto& one) {
                             return one.param == recipe::Users::Host ? "Host" : "Private";
                         });

class FailedStart : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    }
};

TEST_F(FailedStart, LeavesNoMountProcessOrDescriptor) {
    const auto break_it = [](Guest& guest, int how) {
        switch (how) {
        case 0:
            guest.add(MountKind::Device, "/dev/no", "no-such-node");
            break;
        case 1:
            guest.add(MountKind::Bind, "/x", "/there/is/no/such/source");
            break;
        case 2:
            guest.recipe.hostname = std::string(100, 'x');
            break;
        case 3:
            guest.recipe.limits = {{{99, 0, 1, 1}, "nothing", "the test"}};
            break;
        case 4:
            guest.recipe.filter = {0xffffffffffffffffULL};
            break;
        case 5:
            guest.add(MountKind::Tmpfs, "/dev/../x");
            break;
        case 6:
            guest.add(MountKind::Proc, "/etc/proc", "");
            break;
        default:
            guest.recipe.root = {recipe::RootKind::Directory, "/etc", false}; // has no /run
        }
    };
    for (const bool is_jail : {true, false}) {
        for (int how = 0; how < 8; ++how) {
            Guest guest = is_jail ? Guest::jail() : Guest::folder(recipe::Users::Private);
            guest.use_cgroup();
            break_it(guest, how);
            const Traces before = Traces::take();
            const Told told = guest.run({"pid"});
            EXPECT_TRUE(told.error) << how << told.why();
            EXPECT_EQ(Traces::take(), before) << how;
            if (guest.cgroup.empty()) continue;
            std::ifstream members(guest.cgroup + "/init/cgroup.procs");
            EXPECT_TRUE(members.peek() == std::ifstream::traits_type::eof()) << how;
        }
    }
}

TEST_F(FailedStart, NamesThePlaceInTheRecipe) {
    Guest guest = Guest::jail();
    guest.add(MountKind::Bind, "/data", "/there/is/no/such/source");
    guest.recipe.mounts.back().origin = "web.toml:7";
    const Told told = guest.run({"pid"});
    EXPECT_NE(told.why().find("/there/is/no/such/source on /data (web.toml:7)"), std::string::npos)
        << told.why();
}

TEST_F(FailedStart, RefusesPrivateUsersThatWouldBeTheHostsRoot) {
    Guest guest = Guest::folder(recipe::Users::Private);
    guest.recipe.ids.first = 0;
    EXPECT_TRUE(guest.run({"pid"}).error);
    guest.recipe.ids = {4'294'900'000U, 4'000'000'000U};
    EXPECT_TRUE(guest.run({"pid"}).error);
}

TEST_F(FailedStart, RefusesARootThatItsRootDoesNotOwn) {
    Guest guest = Guest::folder(recipe::Users::Private);
    ASSERT_EQ(::chown((guest.base + "/root").c_str(), 1000, 1000), 0);
    const Told told = guest.run({"pid"});
    EXPECT_NE(told.why().find("must belong to 0:0"), std::string::npos) << told.why();
}

} // namespace stead::testing
