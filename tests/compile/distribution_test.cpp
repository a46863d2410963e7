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
    return mount != nullptr && mount->kind == MountKind::Program;
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

} // namespace
} // namespace stead::compile
