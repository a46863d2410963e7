#include <gtest/gtest.h>

#include "cli/jail_text.h"
#include "unitfile/reader.h"

namespace stead::cli {
namespace {

/// The guest that `options` stand for; mistakes fail the test.
unitfile::GuestSpec read_back(const JailOptions& options) {
    std::string wrong;
    const std::string text = jail_text(options, wrong);
    EXPECT_EQ(wrong, "");
    unitfile::Diagnostics diagnostics;
    const auto guest = unitfile::read_guest(text, "command line", "box", diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << text << unitfile::render(diagnostics);
    return guest.value_or(unitfile::GuestSpec{});
}

TEST(JailText, CarriesTheCommandByteForByte) {
    JailOptions options;
    options.command = {
        "sh", "-c", "printf '%s\\n' \"$1\" # = [ ] \\ \t\x01\x7f \xc3\xa4 %i 100% ${A} $${B} $$ $A",
        ""};
    const auto guest = read_back(options);
    ASSERT_EQ(guest.units.size(), 1U);
    EXPECT_EQ(guest.units[0].command, options.command);
}

TEST(JailText, IsRunOnce) {
    JailOptions options;
    options.command = {"true"};
    EXPECT_EQ(read_back(options).units.at(0).restart, RestartPolicy::No);
}

TEST(JailText, TakesEnvironmentNamesOfAnyKind) {
    JailOptions options;
    options.command = {"env"};
    options.environment = {"A=1", "B_2=x=y %n ${C}", "empty="};
    const auto guest = read_back(options);
    const auto& environment = guest.units.at(0).environment;
    EXPECT_EQ(environment.at("A"), "1");
    EXPECT_EQ(environment.at("B_2"), "x=y %n ${C}");
    EXPECT_EQ(environment.at("empty"), "");
}

TEST(JailText, ListensOnTheHostsNetworkWithoutSayingSoTwice) {
    JailOptions options;
    options.command = {"true"};
    options.listen = {"tcp:127.0.0.1:80"};
    EXPECT_EQ(read_back(options).network_mode.value, "host");
}

TEST(JailText, LeavesQuotesOutOfSettings) {
    JailOptions options;
    options.command = {"true"};
    options.settings = {"hostname=box", "limits.nofile=77", "read-only=true",
                        "unit.main.umask=0077", "environment={A = \"b\"}"};
    const auto guest = read_back(options);
    EXPECT_EQ(guest.hostname, "box");
    EXPECT_TRUE(guest.read_only.value);
    EXPECT_EQ(guest.units.at(0).umask, 077U);
}

TEST(JailText, SaysWhichOptionHasNoValue) {
    for (const char* bad : {"novalue", "=x"}) {
        JailOptions options;
        options.command = {"true"};
        options.settings = {bad};
        std::string wrong;
        (void)jail_text(options, wrong);
        EXPECT_EQ(wrong, bad);
    }
}

TEST(JailValue, IsQuotedUnlessItIsTomlAlready) {
    for (const char* toml :
         {"5", "-1", "1.5", "0", "true", "false", "\"x\"", "'x'", "[1]", "{a = 1}"})
        EXPECT_EQ(as_value(toml), toml);
    EXPECT_EQ(as_value("512M"), "\"512M\"");
    EXPECT_EQ(as_value("0022"), "\"0022\"");
    EXPECT_EQ(as_value("1.2.3"), "\"1.2.3\"");
    EXPECT_EQ(as_value("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000A\"");
    EXPECT_EQ(as_value(""), "\"\"");
    EXPECT_EQ(as_value("-"), "\"-\"");
}

} // namespace
} // namespace stead::cli
