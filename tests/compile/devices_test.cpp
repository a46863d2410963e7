#include <algorithm>

#include "compile/fixture.h"
#include "resources/devices.h"

/// The level `devices`: what of it a recipe says.
namespace stead::compile {
namespace {

using recipe::MountKind;
using test::guest;
using test::Host;

constexpr const char* kRoot = "root = \"/srv/root\"\n";

Host host_with_devices() {
    Host host;
    host.facts.machine.device = [](const std::string& path,
                                   std::string& problem) -> std::optional<resources::HostDevice> {
        if (path == "/dev/net/tun") return resources::HostDevice{false, 10, 200, 0666};
        if (path == "/dev/sdb") return resources::HostDevice{true, 8, 16, 0640};
        problem = "the host has no " + path;
        return std::nullopt;
    };
    return host;
}

TEST(DevicesLevel, OfADefaultAreTheUsualOnesAndLimited) {
    const auto outcome = guest(kRoot);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_TRUE(outcome.context().limits_devices);
    EXPECT_EQ(outcome.context().devices, resources::usual_devices());
}

TEST(DevicesLevel, BecomeRulesAndNodes) {
    const auto outcome =
        guest(std::string(kRoot) + "limits.devices = [\"/dev/net/tun\", \"/dev/sdb r\"]\n",
              host_with_devices());
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    auto expected = resources::usual_devices();
    expected.push_back({false, 10, 200, true, true});
    expected.push_back({true, 8, 16, true, false});
    EXPECT_EQ(outcome.context().devices, expected);
    const recipe::Mount* tun = outcome.mount("/dev/net/tun");
    ASSERT_TRUE(tun != nullptr && tun->node);
    EXPECT_EQ(tun->kind, MountKind::Device);
    EXPECT_EQ(tun->node->mode, 0666U);
    const recipe::Mount* disk = outcome.mount("/dev/sdb");
    ASSERT_TRUE(disk != nullptr && disk->node);
    EXPECT_TRUE(disk->node->device.block);
    EXPECT_EQ(disk->node->mode, 0640U);
    const auto& mounts = outcome.context().mounts;
    EXPECT_EQ(std::count_if(mounts.begin(), mounts.end(),
                            [](const auto& mount) {
                                return mount.target == "/dev/net" &&
                                       mount.kind == MountKind::Folder;
                            }),
              1);
    EXPECT_LT(outcome.mount("/dev"), tun);
}

TEST(DevicesLevel, ThatTheHostHasNotAreAnErrorWithItsPlace) {
    const auto outcome =
        guest(std::string(kRoot) + "limits.devices = \"/dev/fuse\"\n", host_with_devices());
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("web.toml:2:"), std::string::npos) << outcome.messages;
    EXPECT_NE(outcome.messages.find("the host has no /dev/fuse"), std::string::npos);
}

TEST(DevicesLevel, OfAnOrdinaryUserAreBoundAndWhole) {
    Host host = host_with_devices();
    host.facts.rootless_ids = 1;
    host.facts.cgroup2 = false;
    const auto outcome = guest(std::string(kRoot) + "limits.devices = \"/dev/net/tun\"\n", host);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    EXPECT_FALSE(outcome.context().limits_devices);
    const recipe::Mount* tun = outcome.mount("/dev/net/tun");
    ASSERT_NE(tun, nullptr);
    EXPECT_EQ(tun->kind, MountKind::Bind);
    const auto refused = guest(std::string(kRoot) + "limits.devices = \"/dev/sdb r\"\n", host);
    EXPECT_FALSE(refused.guest);
    EXPECT_NE(refused.messages.find("only root bounds"), std::string::npos) << refused.messages;
}

} // namespace
} // namespace stead::compile
