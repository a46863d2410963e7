#include <gtest/gtest.h>

#include "import/amounts.h"
#include "unitfile/values.h"

namespace stead::importing {

namespace {

std::string span(const char* text) {
    const Amount amount = time_span(text);
    return amount.text.value_or("(" + amount.problem + ")");
}

TEST(TimeSpans, AreSecondsWhereNothingElseIsSaid) {
    EXPECT_EQ(span("90"), "90s");
    EXPECT_EQ(span("0"), "0s");
    EXPECT_EQ(span("1min 30s"), "90s");
    EXPECT_EQ(span("5min"), "5m");
    EXPECT_EQ(span("2h30min"), "2h30m");
    EXPECT_EQ(span("1 week"), "7d");
    EXPECT_EQ(span("0.5"), "500ms");
    EXPECT_EQ(span("100ms"), "100ms");
    EXPECT_EQ(span("infinity"), "infinity");
}

TEST(TimeSpans, AreRoundedUpAndSayIt) {
    const Amount amount = time_span("1500us");
    EXPECT_EQ(*amount.text, "2ms");
    EXPECT_NE(amount.note, "");
    EXPECT_EQ(span("1us"), "1ms");
}

TEST(TimeSpans, ThatUnitFilesCannotSayAreInfinityWithANote) {
    const Amount amount = time_span("1y");
    EXPECT_EQ(*amount.text, "infinity");
    EXPECT_NE(amount.note, "");
}

TEST(TimeSpans, AreRefusedWhenTheyAreNone) {
    for (const char* text : {"", "soon", "5 parsecs", "-1", "1.2.3s", "s"})
        EXPECT_FALSE(time_span(text).text) << text;
}

TEST(TimeSpans, AreAlwaysDurationsOfUnitFiles) {
    for (const char* text : {"90", "1min 30s", "49d", "48d 23h 59min 59s 999ms", "1us", "3.25h"}) {
        const Amount amount = time_span(text);
        ASSERT_TRUE(amount.text) << text;
        EXPECT_TRUE(unitfile::parse_duration(*amount.text).value) << text << " " << *amount.text;
    }
}

TEST(ByteSizes, KeepTheirLargestUnit) {
    EXPECT_EQ(*byte_size("512M").text, "512M");
    EXPECT_EQ(*byte_size("1024").text, "1K");
    EXPECT_EQ(*byte_size("1000").text, "1000B");
    EXPECT_EQ(*byte_size("1.5G").text, "1536M");
    EXPECT_EQ(*byte_size("1P").text, "1024T");
    EXPECT_FALSE(byte_size("1Q").text);
    EXPECT_FALSE(byte_size("").text);
    EXPECT_FALSE(byte_size("99999999999999999999T").text);
}

TEST(ResourceLimits, AreInTheUnitsOfTheirKind) {
    EXPECT_EQ(*resource_limit("nofile", "1024:64K").text, "1024:65536");
    EXPECT_EQ(*resource_limit("core", "infinity").text, "infinity");
    EXPECT_EQ(*resource_limit("memlock", "64M").text, "64M");
    EXPECT_EQ(*resource_limit("cpu", "10min").text, "10m");
    EXPECT_EQ(*resource_limit("nice", "-5").text, "25");
    EXPECT_FALSE(resource_limit("nofile", "many").text);
}

TEST(ExitStatuses, HaveTheNamesOfSysexits) {
    EXPECT_EQ(exit_status("TEMPFAIL"), 75);
    EXPECT_EQ(exit_status("143"), 143);
    EXPECT_FALSE(exit_status("256"));
    EXPECT_FALSE(exit_status("SIGTERM"));
}

} // namespace

} // namespace stead::importing
