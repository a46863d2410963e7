#include <sstream>

#include "init/guest.h"

namespace stead::test {
namespace {

int zombies_of(pid_t parent) {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        std::ifstream stat(entry.path() / "stat");
        std::string text;
        if (!std::getline(stat, text)) continue;
        const std::size_t end = text.rfind(')');
        if (end == std::string::npos) continue;
        std::istringstream fields(text.substr(end + 1));
        char state = 0;
        pid_t owner = 0;
        fields >> state >> owner;
        if (state == 'Z' && owner == parent) ++count;
    }
    return count;
}

TEST(Orphans, AThousandLeaveNoZombie) {
    Guest guest({"--", "/bin/sh", "-c", std::string(kMisbehave) + " orphans 1000; exec sleep 60"});
    ASSERT_TRUE(guest.says("done", 30s)) << guest.said();
    EXPECT_TRUE(eventually([&] { return zombies_of(guest.pid()) == 0; }, 2s));
}

TEST(Orphans, AStormDoesNotKeepAPingWaiting) {
    Guest guest({"--", "/bin/sh", "-c", std::string(kMisbehave) + " orphans 5000; exec sleep 60"});
    Control control = guest.control();
    std::vector<std::chrono::steady_clock::duration> waits;
    while (guest.said().find("done") == std::string::npos) {
        const auto start = std::chrono::steady_clock::now();
        ASSERT_EQ(control.ask(wire::Kind::Ping).code, 0);
        waits.push_back(std::chrono::steady_clock::now() - start);
        ASSERT_FALSE(guest.wait(1ms).has_value());
    }
    // One in a hundred may have waited for a processor that others of the machine held.
    std::sort(waits.begin(), waits.end());
    ASSERT_GT(waits.size(), 10U);
    EXPECT_LT(waits[waits.size() * 99 / 100 - 1], 100ms);
    EXPECT_LT(waits.back(), 1s);
}

TEST(Orphans, WhatASubreaperWasLeftWithIsGoneAfterItsEnd) {
    Guest guest({"--", "/bin/sh", "-c",
                 "setsid sh -c 'trap \"\" TERM HUP; sleep 987' & sleep 0.2; exit 0"});
    ASSERT_EQ(guest.wait(), 0) << guest.said();
    EXPECT_TRUE(eventually([] { return !is_running("sleep 987"); }, 2s));
}

} // namespace
} // namespace stead::test
