#include <gtest/gtest.h>

#include "resources/devices.h"
#include "resources/table.h"

namespace stead::resources {

namespace {

Machine machine() {
    Machine made;
    made.memory = 1000;
    made.disk = [](const std::string& path) -> std::optional<std::string> {
        if (path == "/dev/sda1") return "8:0";
        return std::nullopt;
    };
    made.device = [](const std::string& path, std::string& problem) -> std::optional<HostDevice> {
        if (path == "/dev/fuse") return HostDevice{false, 10, 229, 0666};
        if (path == "/dev/sda1") return HostDevice{true, 8, 1, 0660};
        problem = path + " is none";
        return std::nullopt;
    };
    return made;
}

std::string resolved(std::string_view key, const std::string& content) {
    std::string problem;
    const auto text = resolve(*find_level(key), content, machine(), problem);
    return text ? *text : "problem: " + problem;
}

} // namespace

TEST(Resolve, TurnsPercentagesIntoBytesOfTheHost) {
    EXPECT_EQ(resolved("memory-max", "25%"), "250");
    EXPECT_EQ(resolved("memory-max", "max"), "max");
    EXPECT_EQ(resolved("memory-max", "4096"), "4096");
}

TEST(Resolve, NamesTheWayOutWhereTheHostsMemoryIsUnknown) {
    std::string problem;
    EXPECT_FALSE(resolve(*find_level("memory-max"), "25%", Machine{}, problem).has_value());
    EXPECT_NE(problem.find("write a size"), std::string::npos);
}

TEST(Resolve, FindsTheDiskBehindAPath) {
    EXPECT_EQ(resolved("io-max", "/dev/sda1 rbps=5"), "8:0 rbps=5");
    EXPECT_EQ(resolved("io-max", "/dev/sda1 rbps=5\n9:1 wbps=6"), "8:0 rbps=5\n9:1 wbps=6");
    EXPECT_EQ(resolved("io-latency", "8:0 target=10"), "8:0 target=10");
    EXPECT_EQ(resolved("io-max", "/nowhere rbps=5").substr(0, 9), "problem: ");
    EXPECT_EQ(resolved("io-max", "8: rbps=5").substr(0, 9), "problem: ");
}

TEST(Resolve, FindsTheNumbersOfADevice) {
    EXPECT_EQ(resolved("devices", "/dev/fuse rw"), "c 10:229 rw /dev/fuse");
    EXPECT_EQ(resolved("devices", "/dev/fuse w\n/dev/sda1 r"),
              "c 10:229 w /dev/fuse\nb 8:1 r /dev/sda1");
    EXPECT_EQ(resolved("devices", "none"), "none");
    EXPECT_EQ(resolved("devices", "/dev/x rw"), "problem: /dev/x is none");
}

TEST(DeviceLines, AreReadAsTheyAreWritten) {
    const auto lines = device_lines("c 10:229 rw /dev/fuse\nb 8:1 r\nnonsense\nx 1:2 rw\nc 1 r");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].path, "/dev/fuse");
    EXPECT_EQ(lines[0].rule, (DeviceRule{false, 10, 229, true, true}));
    EXPECT_EQ(lines[1].rule, (DeviceRule{true, 8, 1, true, false}));
    EXPECT_TRUE(device_lines("none").empty());
}

TEST(DeviceLines, AreTheSameWithoutPathsAndInAnyOrder) {
    EXPECT_TRUE(same_devices("c 10:229 rw /dev/fuse\nb 8:1 r /dev/sda1", "b 8:1 r\nc 10:229 rw"));
    EXPECT_TRUE(same_devices("none", ""));
    EXPECT_FALSE(same_devices("c 10:229 rw", "c 10:229 r"));
    EXPECT_FALSE(same_devices("c 8:1 rw", "b 8:1 rw"));
    EXPECT_FALSE(same_devices("c 10:229 rw", "none"));
}

TEST(DeviceLines, AreSaidByTheirPaths) {
    EXPECT_EQ(devices_in_words("c 10:229 rw /dev/fuse\nb 8:1 r /dev/sda1"),
              "/dev/fuse, /dev/sda1 r");
    EXPECT_EQ(devices_in_words("c 10:229 w"), "10:229 w");
    EXPECT_EQ(devices_in_words("none"), "none");
}

} // namespace stead::resources
