#include <algorithm>

#include "init/guest.h"

namespace stead::test {
namespace {

std::vector<int> seen(const std::string& text) {
    std::vector<int> signals;
    for (std::size_t at = text.find("signal "); at != std::string::npos;
         at = text.find("signal ", at + 1))
        signals.push_back(std::stoi(text.substr(at + 7)));
    return signals;
}

TEST(ForeignSignals, ForwardsTheCommandsSignalsOnceEachInOrder) {
    Guest guest({"--", kMisbehave, "signals"});
    ASSERT_TRUE(guest.says("listening")) << guest.said();
    std::vector<int> sent;
    for (const int signal : {SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT}) {
        guest.signal(signal);
        sent.push_back(signal);
        EXPECT_TRUE(eventually([&] { return seen(guest.said()).size() >= sent.size(); }));
    }
    EXPECT_EQ(seen(guest.said()), sent);
    guest.signal(SIGTERM);
    EXPECT_EQ(guest.wait(), 0);
}

class StopSignal : public ::testing::TestWithParam<std::pair<int, int>> {};

// 34 + n is SIGRTMIN+n as the kernel counts.
INSTANTIATE_TEST_SUITE_P(,
                         StopSignal,
                         ::testing::Values(std::pair{SIGTERM, 0},
                                           std::pair{SIGINT, 0},
                                           std::pair{SIGPWR, 0},
                                           std::pair{34 + 3, 0},
                                           std::pair{34 + 4, 0},
                                           std::pair{34 + 5, 133}));

TEST_P(StopSignal, StopsInOrder) {
    const auto [signal, code] = GetParam();
    Guest guest({"--", kMisbehave, "signals"});
    ASSERT_TRUE(guest.says("listening"));
    guest.signal(signal);
    EXPECT_EQ(guest.wait(), code) << guest.said();
    const std::vector<int> signals = seen(guest.said());
    EXPECT_NE(std::find(signals.begin(), signals.end(), SIGTERM), signals.end());
}

TEST(ForeignSignals, KillsWhatDoesNotObeyWhenTheBudgetIsSpent) {
    Guest guest({"--stop-timeout", "400ms", "--", kMisbehave, "ignore-term"});
    ASSERT_TRUE(guest.says("ignoring"));
    const auto start = std::chrono::steady_clock::now();
    guest.signal(SIGTERM);
    ASSERT_TRUE(guest.wait().has_value());
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_GT(took, 300ms);
    EXPECT_LT(took, 3s);
}

TEST(ForeignSignals, AThirdRequestEndsAtOnce) {
    Guest guest({"--stop-timeout", "60s", "--", kMisbehave, "ignore-term"});
    ASSERT_TRUE(guest.says("ignoring"));
    for (int i = 0; i < 3; ++i) {
        guest.signal(SIGTERM);
        std::this_thread::sleep_for(50ms);
    }
    EXPECT_TRUE(guest.wait(3s).has_value());
}

TEST(ForeignSignals, StopsAStoppedCommand) {
    Guest guest({"--stop-timeout", "20s", "--", kMisbehave, "stopped"});
    EXPECT_TRUE(eventually([&] {
        std::ifstream stat("/proc/" + std::to_string(guest.pid()) + "/task/" +
                           std::to_string(guest.pid()) + "/children");
        pid_t child = 0;
        stat >> child;
        std::ifstream status("/proc/" + std::to_string(child) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.find("State:\tT") == 0) return true;
        }
        return false;
    }));
    guest.signal(SIGTERM);
    EXPECT_TRUE(guest.wait(3s).has_value());
}

TEST(ForeignSignals, AFatalSignalFromInsideDoesNotEndPidOne) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for a pid namespace";
    Guest guest(
        {"--", "/bin/sh", "-c", "kill -SEGV 1; kill -KILL 1; kill -ABRT 1; sleep 0.2; exit 5"},
        {.namespaced = true});
    EXPECT_EQ(guest.wait(), 5) << guest.said();
}

} // namespace
} // namespace stead::test
