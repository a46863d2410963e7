#include "fixture.h"

/// What a guest with the services of its distribution's packages is offered in their place.
namespace stead::compile {
namespace {

using recipe::MountKind;
using test::guest;
using test::Host;
using test::host_with_image;
using test::Outcome;

const std::string kFolder = "root = \"/srv/root\"\ninit = \"distribution\"\n";

Host host_with_commands() {
    Host host;
    for (const char* folder : {"/usr/bin", "/usr/sbin"})
        host.add("/srv/root" + std::string(folder), "folder");
    host.add("/srv/root/bin", "->usr/bin");
    host.add("/srv/root/usr/bin/systemctl", "file");
    host.add("/srv/root/usr/sbin/runlevel", "file");
    host.add("/srv/root/usr/sbin/reboot", "->../bin/systemctl");
    return host;
}

bool is_covered(const Outcome& outcome, const std::string& path) {
    const recipe::Mount* const mount = outcome.mount(path);
    return mount != nullptr && mount->kind == MountKind::Cover;
}

std::string notices(const Outcome& outcome) {
    std::string text;
    for (const std::string& notice : outcome.context().notices)
        text += notice + "\n";
    return text;
}

TEST(DistributionRoot, SteadsCommandsLieOverAFoldersOwn) {
    const auto outcome = guest(kFolder, host_with_commands());
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_TRUE(is_covered(outcome, "/usr/bin/systemctl"));
    EXPECT_TRUE(is_covered(outcome, "/usr/sbin/runlevel"));
    EXPECT_EQ(outcome.mount("/usr/sbin/reboot"), nullptr) << "a link leads to another's place";
    EXPECT_EQ(outcome.mount("/bin/systemctl"), nullptr) << "it is covered already";
    EXPECT_EQ(outcome.mount("/usr/sbin/halt"), nullptr) << "what is missing cannot be covered";
    EXPECT_EQ(outcome.mount("/run/stead/distribution")->source, "folder\n");
}

TEST(DistributionRoot, AReadOnlyFolderWithoutSystemctlIsSaid) {
    const auto without = guest(kFolder + "read-only = true\n");
    ASSERT_TRUE(without.guest) << without.messages;
    EXPECT_NE(notices(without).find("without a systemctl"), std::string::npos);
    EXPECT_EQ(without.mount("/run/stead/distribution")->source, "");

    const auto with = guest(kFolder + "read-only = true\n", host_with_commands());
    EXPECT_EQ(notices(with).find("without a systemctl"), std::string::npos);
    EXPECT_TRUE(is_covered(with, "/usr/bin/systemctl"));
}

TEST(DistributionRoot, AnImageHasThemInTheLayerAboveIt) {
    const auto outcome = guest("image = \"bb\"\ninit = \"distribution\"\n", host_with_image());
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_FALSE(is_covered(outcome, "/usr/bin/systemctl"));
    EXPECT_EQ(outcome.mount("/run/stead/distribution")->source, "");
}

TEST(DistributionRoot, OtherGuestsKeepTheirOwn) {
    const auto outcome = guest("root = \"/srv/root\"\n", host_with_commands());
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_FALSE(is_covered(outcome, "/usr/bin/systemctl"));
}

constexpr const char* kId = "machine-id = \"8d1c2ab0a3c94c5ba2e1c7a3b0c1d2e3\"\n";

TEST(MachineId, LiesOverTheFileOfAFolder) {
    Host host;
    host.add("/srv/root/etc/machine-id", "file");
    const auto outcome = guest(std::string("root = \"/srv/root\"\n") + kId, host);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_TRUE(is_covered(outcome, "/etc/machine-id"));
    EXPECT_EQ(outcome.mount("/etc/machine-id")->source, "machine-id");
    EXPECT_EQ(outcome.mount("/run/stead/machine-id")->source, "8d1c2ab0a3c94c5ba2e1c7a3b0c1d2e3\n");
}

TEST(MachineId, NeedsThatFile) {
    for (const char* kind : {"", "folder", "->/var/lib/dbus/machine-id"}) {
        Host host;
        if (*kind != '\0') host.add("/srv/root/etc/machine-id", kind);
        const auto outcome = guest(std::string("root = \"/srv/root\"\n") + kId, host);
        EXPECT_FALSE(outcome.guest) << kind;
        EXPECT_NE(outcome.messages.find("web.toml:2:14: error: machine-id needs a file"),
                  std::string::npos)
            << outcome.messages;
    }
}

TEST(MachineId, LiesOverAnImagesToo) {
    const auto outcome = guest(std::string("image = \"bb\"\n") + kId, host_with_image());
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_TRUE(is_covered(outcome, "/etc/machine-id"));
}

TEST(MachineId, IsTheRootsOwnWithoutAWord) {
    Host host;
    host.add("/srv/root/etc/machine-id", "file");
    for (const char* more : {"", "machine-id = \"auto\"\n"}) {
        const auto outcome = guest(std::string("root = \"/srv/root\"\n") + more, host);
        ASSERT_TRUE(outcome.guest) << outcome.messages;
        EXPECT_EQ(outcome.mount("/etc/machine-id"), nullptr);
    }
}

TEST(Volumes, AreFoldersOfTheGuestsOwnOnTheHost) {
    const auto outcome =
        guest("image = \"bb\"\nvolumes = [\"/var/lib/data\", \"/a-b\"]\n", host_with_image());
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const recipe::Mount* const mount = outcome.mount("/var/lib/data");
    ASSERT_NE(mount, nullptr);
    EXPECT_EQ(mount->source, "/guests/web/volumes/var-lib-data");
    EXPECT_TRUE(mount->idmap);
    EXPECT_EQ(outcome.mount("/a-b")->source, "/guests/web/volumes/a=b");
    ASSERT_EQ(outcome.context().root.volumes.size(), 2U);
    EXPECT_EQ(outcome.context().root.volumes[0].path, "/var/lib/data");
}

TEST(Volumes, ThatCannotBeAreRefusedByPlace) {
    const auto messages = [](const std::string& list) {
        const auto outcome = guest("image = \"bb\"\nvolumes = [" + list + "]\n", host_with_image());
        EXPECT_FALSE(outcome.guest) << list;
        return outcome.messages;
    };
    for (const char* list : {"\"/\"", "\"/proc/x\"", "\"/run/stead\"", "\"/a//b\"",
                             "\"/a\", \"/a/b\"", "\"/a+b\", \"/a:b\""})
        EXPECT_NE(messages(list).find("web.toml:2:"), std::string::npos) << list;
    const auto folder = guest("root = \"/srv/root\"\nvolumes = [\"/data\"]\n");
    EXPECT_NE(folder.messages.find("no image has none"), std::string::npos) << folder.messages;
}

} // namespace
} // namespace stead::compile
