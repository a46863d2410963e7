#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "context/guest.h"

namespace stead::testing {

namespace {

using recipe::MountKind;

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace

class Mounts : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    }
};

TEST_F(Mounts, ShowTheGuestNothingOfTheHostsTree) {
    std::vector<Guest> guests;
    guests.push_back(Guest::jail());
    guests.push_back(Guest::folder(recipe::Users::Host));
    guests.push_back(Guest::folder(recipe::Users::Private));
    for (Guest& guest : guests) {
        const Told told = guest.run({"cat /proc/self/mountinfo"});
        ASSERT_FALSE(told.error) << told.why();
        std::istringstream lines(told.output);
        int roots = 0;
        for (std::string line; std::getline(lines, line);) {
            std::istringstream fields(line);
            std::string id;
            std::string parent;
            std::string device;
            std::string root;
            std::string target;
            fields >> id >> parent >> device >> root >> target;
            if (target == "/") ++roots;
            EXPECT_EQ(line.find("shared:"), std::string::npos) << line;
            EXPECT_EQ(line.find("master:"), std::string::npos) << line;
        }
        EXPECT_EQ(roots, 1) << told.output;
    }
}

TEST_F(Mounts, OfAUserNamespaceCanBeNeitherRemountedNorUnmounted) {
    Guest guest = Guest::folder(recipe::Users::Private);
    const std::uint64_t all = ~0ULL >> (64 - 41);
    guest.recipe.capabilities = all; // even with SYS_ADMIN of its own user namespace
    guest.add(MountKind::Mask, "/etc/mine");
    const Told told =
        guest.run({"umount /usr", "remount /usr", "umount /etc/mine", "remount /etc/mine",
                   "umount /run/stead", "remount /run/stead", "cat /etc/mine"});
    ASSERT_FALSE(told.error) << told.why();
    for (const char* what : {"umount /usr", "umount /etc/mine", "umount /run/stead"}) {
        EXPECT_TRUE(told.has(std::string(what) + ": EINVAL")) << told.output;
    }
    for (const char* what : {"remount /usr", "remount /etc/mine", "remount /run/stead"}) {
        EXPECT_TRUE(told.has(std::string(what) + ": EPERM")) << told.output;
    }
    EXPECT_FALSE(told.has("guest")) << told.output;
}

TEST_F(Mounts, NeedACapabilityThatAGuestWithHostUsersHasNot) {
    Guest guest = Guest::folder(recipe::Users::Host);
    const Told told = guest.run({"umount /proc/sys", "remount /usr", "mount /tmp", "mknod /dev/x",
                                 "write /usr/x", "write /proc/sys/kernel/hostname"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("umount /proc/sys: EPERM")) << told.output;
    EXPECT_TRUE(told.has("remount /usr: EPERM")) << told.output;
    EXPECT_TRUE(told.has("mount /tmp: EPERM")) << told.output;
    EXPECT_TRUE(told.has("mknod /dev/x: EPERM")) << told.output;
    EXPECT_TRUE(told.has("write /usr/x: EROFS")) << told.output;
    EXPECT_TRUE(told.has("write /proc/sys/kernel/hostname: EROFS")) << told.output;
}

TEST_F(Mounts, MaskFilesAndFoldersWithEmptyOnes) {
    Guest guest = Guest::jail();
    guest.add(MountKind::Mask, "/etc/hostname");
    guest.add(MountKind::Mask, "/etc/cron.d");
    guest.add(MountKind::Mask, "/etc/there-is-no-such-thing");
    const Told told = guest.run({"sh cat /etc/hostname; ls -A /etc/cron.d; ls -A /proc/acpi"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_EQ(told.output.find("sh cat"), 0U) << told.output;
}

TEST_F(Mounts, MakeAJailsRootReadOnlyButItsOwnTmp) {
    Guest guest = Guest::jail();
    const Told told = guest.run({"write /x", "write /etc/x", "mkdir /usr/x", "write /tmp/x"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("write /x: EROFS")) << told.output;
    EXPECT_TRUE(told.has("write /etc/x: EROFS")) << told.output;
    EXPECT_TRUE(told.has("mkdir /usr/x: EROFS")) << told.output;
    EXPECT_TRUE(told.has("write /tmp/x: OK")) << told.output;
}

TEST_F(Mounts, GiveTheDeviceNodesOfTheRecipe) {
    for (const recipe::Users users : {recipe::Users::Host, recipe::Users::Private}) {
        Guest guest = Guest::folder(users);
        guest.add(MountKind::Device, "/dev/zero", "zero");
        const Told told =
            guest.run({"sh echo gone >/dev/null && test $(head -c 3 /dev/zero | wc -c) = 3",
                       "stat /dev/zero"});
        ASSERT_FALSE(told.error) << told.why();
        EXPECT_TRUE(told.has("stat /dev/zero: uid 0 gid 0 mode 20666")) << told.output;
        EXPECT_NE(told.output.find("exit 0"), std::string::npos) << told.output;
    }
}

TEST_F(Mounts, MapTheIdsOfAFolderOnDisk) {
    Guest guest = Guest::folder(recipe::Users::Private);
    const std::string file = guest.base + "/root/etc/mine";
    ASSERT_EQ(::chown(file.c_str(), 1000, 1000), 0);
    const Told told =
        guest.run({"stat /etc/mine", "write /etc/new", "stat /etc/new", "cat /proc/self/uid_map"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_EQ(told.line("stat /etc/mine").find("stat /etc/mine: uid 1000 gid 1000"), 0U)
        << told.output;
    EXPECT_EQ(told.line("stat /etc/new").find("stat /etc/new: uid 0 gid 0"), 0U) << told.output;

    struct stat status {};

    ASSERT_EQ(::stat((guest.base + "/root/etc/new").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0U); // plain ids on disk
}

TEST_F(Mounts, KeepAnEphemeralGuestsChangesInMemory) {
    for (const recipe::Users users : {recipe::Users::Host, recipe::Users::Private}) {
        Guest guest = Guest::folder(users);
        guest.recipe.root.kind = recipe::RootKind::EphemeralOverlay;
        const Told told = guest.run({"write /etc/mine", "write /etc/new", "stat /etc/new",
                                     "unlink /etc/mine", "mkdir /folder"});
        ASSERT_FALSE(told.error) << told.why();
        for (const char* done : {"write /etc/new", "unlink /etc/mine", "mkdir /folder"}) {
            EXPECT_TRUE(told.has(std::string(done) + ": OK")) << told.output;
        }
        EXPECT_EQ(told.line("stat /etc/new").find("stat /etc/new: uid 0 gid 0"), 0U) << told.output;
        EXPECT_EQ(text_of(guest.base + "/root/etc/mine"), "guest\n");
        EXPECT_FALSE(std::filesystem::exists(guest.base + "/root/etc/new"));
        EXPECT_FALSE(std::filesystem::exists(guest.base + "/root/folder"));
    }
}

TEST_F(Mounts, MakeARootReadOnlyWhenAsked) {
    Guest guest = Guest::folder(recipe::Users::Private);
    guest.recipe.root.read_only = true;
    const Told told = guest.run({"write /etc/new"});
    EXPECT_TRUE(told.has("write /etc/new: EROFS")) << told.why();
}

TEST_F(Mounts, BindFilesAndFoldersOfTheHost) {
    Guest guest = Guest::jail();
    std::ofstream(guest.base + "/note") << "from the host\n";
    ASSERT_EQ(::mkdir((guest.base + "/state").c_str(), 0755), 0);
    guest.add(MountKind::Bind, "/note", guest.base + "/note", 7);
    guest.add(MountKind::Bind, "/var/lib/state", guest.base + "/state", 6);
    const Told told = guest.run({"cat /note", "write /note", "write /var/lib/state/kept"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("from the host")) << told.output;
    EXPECT_TRUE(told.has("write /note: EROFS")) << told.output;
    EXPECT_EQ(text_of(guest.base + "/state/kept"), "x");
}

TEST_F(Mounts, LeaveOutAnOptionalBindThatIsMissing) {
    Guest guest = Guest::jail();
    guest.add(MountKind::Bind, "/gone", "/there/is/no/such/folder", 7);
    EXPECT_TRUE(guest.run({"pid"}).error);
    guest.recipe.mounts.back().optional = true;
    EXPECT_FALSE(guest.run({"pid"}).error);
}

TEST_F(Mounts, MakeTheHostFoldersOfAJail) {
    Guest guest = Guest::jail();
    recipe::HostFolder folder;
    folder.path = guest.base + "/deep/state";
    folder.uid = 1234;
    folder.gid = 1235;
    guest.recipe.host_folders = {folder};
    guest.add(MountKind::Bind, "/state", folder.path, 6);
    const Told told = guest.run({"stat /state"});
    EXPECT_TRUE(told.has("stat /state: uid 1234 gid 1235 mode 40750")) << told.why();
}

} // namespace stead::testing
