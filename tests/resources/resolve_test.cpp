#include <gtest/gtest.h>

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

} // namespace stead::resources
