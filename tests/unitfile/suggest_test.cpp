#include <gtest/gtest.h>

#include "unitfile/suggest.h"

namespace stead::unitfile {

namespace {

std::string hint(std::string_view table, std::string_view name) {
    return advise(unit_schema(), {table, name, ""}).hint;
}

std::string message(std::string_view table, std::string_view name) {
    return advise(unit_schema(), {table, name, ""}).message;
}

} // namespace

TEST(EditDistance, CountsChangesAndSwaps) {
    EXPECT_EQ(edit_distance("", "", 5), 0U);
    EXPECT_EQ(edit_distance("abc", "abc", 5), 0U);
    EXPECT_EQ(edit_distance("abc", "", 5), 3U);
    EXPECT_EQ(edit_distance("abc", "abd", 5), 1U);
    EXPECT_EQ(edit_distance("abc", "acb", 5), 1U);
    EXPECT_EQ(edit_distance("abc", "abcd", 5), 1U);
    EXPECT_EQ(edit_distance("kitten", "sitting", 5), 3U);
    EXPECT_EQ(edit_distance("kitten", "sitting", 2), 3U);
    EXPECT_EQ(edit_distance(std::string(100, 'a'), "b", 5), 6U);
}

TEST(Advice, NamesTheNearestKey) {
    EXPECT_EQ(hint("", "comand"), "did you mean 'command'?");
    EXPECT_EQ(hint("", "enviroment"), "did you mean 'environment'?");
    EXPECT_EQ(hint("", "require_s"), "did you mean 'requires'?");
    EXPECT_EQ(hint("", "Restart"), "did you mean 'restart'?");
    EXPECT_EQ(hint("restart", "dealy"), "did you mean 'delay'?");
    EXPECT_EQ(hint("limits", "no-file"), "did you mean 'nofile'?");
}

TEST(Advice, KnowsOtherSupervisorsNames) {
    EXPECT_EQ(hint("", "ExecStart"), "did you mean 'command'?");
    EXPECT_EQ(hint("", "RestartSec"), "did you mean 'restart.delay'?");
    EXPECT_EQ(hint("", "TimeoutStopSec"), "did you mean 'stop.timeout'?");
    EXPECT_EQ(hint("", "cwd"), "did you mean 'working-directory'?");
}

TEST(Advice, SaysWhereAKnownKeyBelongs) {
    EXPECT_EQ(message("limits", "user"), "user belongs above the first table, not in [limits]");
    EXPECT_EQ(message("", "burst"), "burst belongs in [restart], not above the first table");
    EXPECT_EQ(message("log", "interval"),
              "interval belongs in [ready], [health], [restart] or [watchdog], not in [log]");
    EXPECT_EQ(message("", "network"), "network is a key of guest files, not of units");
}

TEST(Advice, IsShortAboutNonsense) {
    EXPECT_EQ(message("", std::string(1000, 'x')).substr(0, 15), "unknown key 'xx");
    EXPECT_EQ(hint("", std::string(1000, 'x')), "the keys are listed in unit(5)");
    EXPECT_EQ(hint("reload", "zzz"), "[reload] has signal, command and notify");
}

} // namespace stead::unitfile
