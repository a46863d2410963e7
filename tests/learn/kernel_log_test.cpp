#include <gtest/gtest.h>

#include "learn/kernel_log.h"

namespace stead::learn {
namespace {

constexpr const char* kRecord =
    "5,1234,85029140002,-;audit: type=1326 audit(1795378411.735:12): auid=4294967295 uid=62699 "
    "gid=62699 ses=4294967295 pid=11026 comm=\"python3\" exe=\"/usr/bin/python3.11\" sig=31 "
    "arch=c000003e syscall=121 compat=0 ip=0x7fc491577717 code=0x80000000\n";

TEST(KernelLog, ReadsTheCallOfAKilledProcess) {
    const auto kill = parse_kill(kRecord);
    ASSERT_TRUE(kill.has_value());
    EXPECT_EQ(kill->time, 85029140002);
    EXPECT_EQ(kill->number, 121);
    EXPECT_EQ(kill->program, "python3");
}

TEST(KernelLog, PassesOverEverythingElse) {
    const std::string record = kRecord;
    EXPECT_FALSE(parse_kill("").has_value());
    EXPECT_FALSE(parse_kill("6,1,2,-;eth0: link up").has_value());
    EXPECT_FALSE(parse_kill("audit: type=1326 sig=31 syscall=1").has_value());
    EXPECT_FALSE(parse_kill("x;audit: type=1326 sig=31 syscall=1").has_value());
    EXPECT_FALSE(parse_kill("5,1,2,-;audit: type=1326 sig=31").has_value());
    EXPECT_FALSE(parse_kill("5,1,2,-;audit: type=1326 x sig=0 syscall=1 ").has_value());
    for (std::size_t size = 0; size < record.size(); ++size)
        (void)parse_kill(std::string_view(record).substr(0, size));
}

} // namespace
} // namespace stead::learn
