#include <iostream>
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

/// `count`, or a tenth of it where each process takes ten times as long.
std::string storm(int count) {
    if (std::getenv("STEAD_EMULATED") == nullptr)
        return std::to_string(count); // NOLINT(concurrency-mt-unsafe)
    std::cout << "a tenth of " << count << " orphans: the processor is emulated\n";
    return std::to_string(count / 10);
}

/// How long the task behind `schedstat` has waited for a processor that others held.
std::chrono::nanoseconds waited_for_processor(const std::string& schedstat) {
    std::ifstream file(schedstat);
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    file >> ran >> waited;
    return std::chrono::nanoseconds(waited);
}

/// Whether hardly anybody else runs: then every answer counts, else 99 of 100. Not every wait for a
/// processor is in the kernel's account.
bool is_quiet() {
    std::ifstream file("/proc/loadavg");
    double load = 0;
    file >> load;
    const bool quiet = load < static_cast<double>(std::thread::hardware_concurrency());
    if (!quiet) std::cout << "judged by 99 of 100 answers: the machine's load is " << load << "\n";
    return quiet;
}

/// Asks for as long as `lasts` and returns how long PID 1 itself took for its answers: what it and
/// the asker waited for a processor says how busy the machine is, not how PID 1 behaves.
template <typename Condition>
std::chrono::nanoseconds longest_answer(Guest& guest, wire::Kind kind, Condition lasts) {
    const std::string schedstat = "/proc/" + std::to_string(guest.pid()) + "/schedstat";
    const auto busy = [&] {
        return waited_for_processor(schedstat) +
               waited_for_processor("/proc/thread-self/schedstat");
    };
    const bool quiet = is_quiet();
    Control control = guest.control();
    std::vector<std::chrono::nanoseconds> answers;
    while (lasts()) {
        const auto waited = busy();
        const auto start = std::chrono::steady_clock::now();
        EXPECT_EQ(control.ask(kind).code, 0);
        if (::testing::Test::HasFailure()) break;
        const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
        answers.push_back(took - (busy() - waited));
        std::this_thread::sleep_for(1ms);
    }
    std::sort(answers.begin(), answers.end());
    EXPECT_GT(answers.size(), 10U);
    if (answers.empty()) return 1h;
    return quiet ? answers.back() : answers[answers.size() * 99 / 100];
}

TEST(Orphans, AThousandLeaveNoZombie) {
    Guest guest({"--", "/bin/sh", "-c", std::string(kMisbehave) + " orphans 1000; exec sleep 60"});
    ASSERT_TRUE(guest.says("done", 30s)) << guest.said();
    EXPECT_TRUE(eventually([&] { return zombies_of(guest.pid()) == 0; }, 2s));
    // And then PID 1 sleeps.
    const auto ran = [&] {
        std::ifstream file("/proc/" + std::to_string(guest.pid()) + "/schedstat");
        std::int64_t nanoseconds = 0;
        file >> nanoseconds;
        return std::chrono::nanoseconds(nanoseconds);
    };
    const auto before = ran();
    std::this_thread::sleep_for(1s);
    EXPECT_LT(ran() - before, 10ms);
}

TEST(Orphans, AStormDoesNotKeepAPingWaiting) {
    Guest guest({"--", "/bin/sh", "-c",
                 std::string(kMisbehave) + " orphans " + storm(20'000) + "; exec sleep 60"});
    const auto longest = longest_answer(guest, wire::Kind::Ping, [&] {
        return guest.said().find("done") == std::string::npos && !guest.wait(0ms);
    });
    EXPECT_LT(longest, 100ms);
    EXPECT_NE(guest.said().find("done"), std::string::npos);
}

TEST(Orphans, TenThousandAtOnceDoNotKeepStatusWaiting) {
    Guest guest(
        {"--", "/bin/sh", "-c",
         std::string(kMisbehave) + " orphans-at-once " + storm(10'000) + " && exec sleep 60"});
    const std::string children = "/proc/" + std::to_string(guest.pid()) + "/task/" +
                                 std::to_string(guest.pid()) + "/children";
    // The last child left is the sleep.
    const auto is_over = [&] {
        if (guest.said().find("done") == std::string::npos) return false;
        std::ifstream file(children);
        pid_t first = 0;
        pid_t second = 0;
        return static_cast<bool>(file >> first) && !(file >> second);
    };
    const auto longest =
        longest_answer(guest, wire::Kind::Status, [&] { return !is_over() && !guest.wait(0ms); });
    EXPECT_LT(longest, 50ms);
    EXPECT_TRUE(is_over()) << guest.said();
}

TEST(Orphans, WhatASubreaperWasLeftWithIsGoneAfterItsEnd) {
    Guest guest({"--", "/bin/sh", "-c",
                 "setsid sh -c 'trap \"\" TERM HUP; sleep 987' & sleep 0.2; exit 0"});
    ASSERT_EQ(guest.wait(), 0) << guest.said();
    EXPECT_TRUE(eventually([] { return !is_running("sleep 987"); }, 2s));
}

} // namespace
} // namespace stead::test
