#include <string>

#include <gtest/gtest.h>

#include "keep/syslog.h"

namespace stead::keep {
namespace {

using namespace std::string_view_literals;

TEST(Syslog, TakesPriorityAndTextOfWhatLibrariesSend) {
    const SyslogMessage glibc = parse_syslog("<30>Jan 31 12:30:00 cron[7]: (root) CMD");
    EXPECT_EQ(glibc.priority, 6);
    EXPECT_EQ(glibc.text, "cron[7]: (root) CMD");
    const SyslogMessage logger = parse_syslog("<11>Feb  1 01:02:03 root: says\n");
    EXPECT_EQ(logger.priority, 3);
    EXPECT_EQ(logger.text, "root: says");
}

TEST(Syslog, TakesTheKernelsShortForm) {
    const SyslogMessage message = parse_syslog("<6>usb 1-1: new device");
    EXPECT_EQ(message.priority, 6);
    EXPECT_EQ(message.text, "usb 1-1: new device");
}

TEST(Syslog, WithoutAPriorityIsANoticeAsAWhole) {
    for (const std::string_view text :
         {"plain"sv, "<192>too much"sv, "<1234>digits"sv, "<13"sv, "<>x"sv, "<1x>y"sv, "<"sv}) {
        EXPECT_EQ(parse_syslog(text).priority, 5) << text;
        EXPECT_EQ(parse_syslog(text).text, text);
    }
}

TEST(Syslog, HasNoTextWhereNothingIsSaid) {
    EXPECT_EQ(parse_syslog("<6>\n\0\0"sv).text, "");
    EXPECT_EQ(parse_syslog("<6>Jan 31 12:30:00 ").text, "");
    EXPECT_EQ(parse_syslog("").text, "");
}

TEST(Syslog, TheUnitIsTheFolderRightBelowTheGuestsOwn) {
    EXPECT_EQ(unit_in_cgroup("/sys/fs/cgroup/stead/web/units/app", "web"), "app");
    EXPECT_EQ(unit_in_cgroup("/stead/web/units/app/worker", "web"), "app");
    EXPECT_EQ(unit_in_cgroup("/stead/web/init", "web"), "");
    EXPECT_EQ(unit_in_cgroup("/stead/web/units/exec-7", "web"), "");
    EXPECT_EQ(unit_in_cgroup("/stead/other/units/app", "web"), "");
    EXPECT_EQ(unit_in_cgroup("/stead/theweb/units/app", "web"), "");
}

TEST(Syslog, AGuestCannotPretendToBeAnotherUnitByFoldersOfItsOwn) {
    EXPECT_EQ(unit_in_cgroup("/stead/web/units/evil/web/units/victim", "web"), "evil");
    EXPECT_EQ(unit_in_cgroup("/stead/outer/units/stead/stead/web/units/app", "web"), "app");
}

} // namespace
} // namespace stead::keep
