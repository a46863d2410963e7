#include "compile/fixture.h"

/// Levels of the disk that a guest on an image has of its own.
namespace stead::compile {
namespace {

using test::guest;
using test::Host;
using test::host_with_image;

constexpr const char* kLevels = "[limits]\ndisk-max = \"1G\"\ndisk-inodes-max = \"20k\"\n";

TEST(DiskLevels, OfAGuestOnAnImageWaitForItsDisk) {
    const auto outcome = guest(std::string("image = \"bb\"\n") + kLevels, host_with_image());
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const auto& inside = outcome.context().inside;
    ASSERT_EQ(inside.size(), 2U);
    EXPECT_EQ(inside[0].key + " " + inside[0].value, "disk-max 1073741824");
    EXPECT_EQ(inside[1].key + " " + inside[1].value, "disk-inodes-max 20000");
}

TEST(DiskLevels, AreRefusedWithTheReasonOfTheFileSystem) {
    Host host = host_with_image();
    host.facts.disk_problem = [](const std::string& folder, const resources::Level& level) {
        EXPECT_TRUE(level.key.starts_with("disk-"));
        return "in " + folder + " is on a tmpfs, which has none; put it elsewhere";
    };
    const auto outcome = guest(std::string("image = \"bb\"\n") + kLevels, host);
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("disk-max: the guest's disk in /guests/"), std::string::npos)
        << outcome.messages;
    EXPECT_NE(outcome.messages.find("is on a tmpfs, which has none; put it elsewhere"),
              std::string::npos);
}

TEST(DiskLevels, AreRefusedWhereThereIsNoDisk) {
    const auto refused = [](const std::string& head, const std::string& reason) {
        const auto outcome = guest(head + kLevels, host_with_image());
        EXPECT_FALSE(outcome.guest);
        for (const char* key : {"disk-max", "disk-inodes-max"})
            EXPECT_NE(outcome.messages.find(std::string(key) +
                                            " needs a disk of the guest's own, and this one has "
                                            "none: " +
                                            reason),
                      std::string::npos)
                << outcome.messages;
    };
    refused("root = \"/srv/root\"\n", "its root is the folder /srv/root; a guest with image");
    refused("image = \"bb\"\nephemeral = true\n", "what it changes lies in memory");
    refused("image = \"bb\"\nread-only = true\n", "its image is read-only");
    refused("profile = \"jail\"\nunit.a.command = \"/usr/bin/true\"\n",
            "its root is made of the host's programs");
}

TEST(DiskLevels, OfAnOrdinaryUserAreRefused) {
    Host host = host_with_image();
    host.facts.rootless_ids = 65536;
    const auto outcome = guest(std::string("image = \"bb\"\n") + kLevels, host);
    EXPECT_NE(outcome.messages.find("which only root can set"), std::string::npos)
        << outcome.messages;
}

TEST(DiskLevels, AreNotEscapedByAGuestWithTheHostsUsers) {
    const auto own = guest("image = \"bb\"\n", host_with_image());
    const auto same = guest("image = \"bb\"\nusers = \"host\"\n", host_with_image());
    ASSERT_TRUE(own.guest && same.guest) << own.messages << same.messages;
    const auto has = [](const std::vector<std::string>& calls) {
        return std::find(calls.begin(), calls.end(), "file_setattr") != calls.end();
    };
    EXPECT_TRUE(has(own.guest->allowed_calls));
    EXPECT_FALSE(has(same.guest->allowed_calls));
}

} // namespace
} // namespace stead::compile
