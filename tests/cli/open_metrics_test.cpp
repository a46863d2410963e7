#include <gtest/gtest.h>

#include "cli/open_metrics.h"

namespace stead::cli {
namespace {

using Type = OpenMetrics::Type;

TEST(OpenMetrics, IsItsEndAloneWithoutSamples) {
    OpenMetrics metrics;
    (void)metrics.family(Type::Gauge, "stead_x", "Nothing has it.");
    EXPECT_EQ(metrics.text(), "# EOF\n");
}

TEST(OpenMetrics, KeepsTheSamplesOfAFamilyTogether) {
    OpenMetrics metrics;
    const std::size_t up = metrics.family(Type::Gauge, "stead_up", "1: up.");
    const std::size_t starts = metrics.family(Type::Counter, "stead_starts", "How often.");
    metrics.add(up, {{"guest", "a"}}, 1);
    metrics.add(starts, {{"guest", "a"}}, 7);
    metrics.add(up, {{"guest", "b"}}, 0);
    EXPECT_EQ(metrics.text(), "# TYPE stead_up gauge\n"
                              "# HELP stead_up 1: up.\n"
                              "stead_up{guest=\"a\"} 1\n"
                              "stead_up{guest=\"b\"} 0\n"
                              "# TYPE stead_starts counter\n"
                              "# HELP stead_starts How often.\n"
                              "stead_starts_total{guest=\"a\"} 7\n"
                              "# EOF\n");
}

TEST(OpenMetrics, NamesTheUnitAndWritesFractions) {
    OpenMetrics metrics;
    const std::size_t cpu = metrics.family(Type::Counter, "stead_cpu_seconds", "Time.");
    metrics.add_fraction(cpu, {}, 1'500'000, 1'000'000);
    EXPECT_EQ(metrics.text(), "# TYPE stead_cpu_seconds counter\n"
                              "# UNIT stead_cpu_seconds seconds\n"
                              "# HELP stead_cpu_seconds Time.\n"
                              "stead_cpu_seconds_total 1.500000\n"
                              "# EOF\n");
}

TEST(OpenMetrics, EscapesWhatLabelsCannotHold) {
    OpenMetrics metrics;
    const std::size_t up = metrics.family(Type::Gauge, "stead_up", "Up.");
    metrics.add(up, {{"guest", "a\"b\\c\nd"}}, 1);
    EXPECT_NE(metrics.text().find("stead_up{guest=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos);
}

} // namespace
} // namespace stead::cli
