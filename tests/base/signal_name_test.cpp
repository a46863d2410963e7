#include <csignal>

#include <gtest/gtest.h>

#include "base/signal_name.h"

namespace stead {
namespace {

TEST(SignalName, GoesBothWaysForEveryNamedSignal) {
    int named = 0;
    for (int number = 1; number < 34; ++number) {
        const auto name = signal_name(number);
        if (name.empty()) continue;
        ++named;
        EXPECT_EQ(signal_number(name), number) << name;
    }
    EXPECT_GE(named, 31);
}

TEST(SignalName, TakesTheUsualSpellings) {
    EXPECT_EQ(signal_number("TERM"), SIGTERM);
    EXPECT_EQ(signal_number("SIGHUP"), SIGHUP);
    EXPECT_EQ(signal_number("RTMIN"), 34);
    EXPECT_EQ(signal_number("RTMIN+3"), 37);
}

TEST(SignalName, RefusesWhatIsNone) {
    for (const char* wrong :
         {"", "SIG", "TERMINATE", "RTMIN+", "RTMIN+31", "RTMIN+x", "RTMIN+-1", "SIGSIGTERM"}) {
        EXPECT_EQ(signal_number(wrong), 0) << wrong;
    }
    EXPECT_EQ(signal_name(0), "");
    EXPECT_EQ(signal_name(65), "");
    EXPECT_EQ(signal_name(-1), "");
}

} // namespace
} // namespace stead
