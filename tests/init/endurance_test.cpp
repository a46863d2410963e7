#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iostream>
#include <map>

#include "init/guest.h"

// What PID 1 costs when it has done a thing very often, or has very many units.
// STEAD_ENDURANCE=10 makes each test ten times as long.
namespace stead::test {
namespace {

using wire::Kind;

constexpr int kUp = static_cast<int>(UnitState::Up);

int scaled(int count) {
    const char* text = std::getenv("STEAD_ENDURANCE"); // NOLINT(concurrency-mt-unsafe)
    return text == nullptr ? count : count * std::max(1, std::atoi(text)); // NOLINT(cert-err34-c)
}

std::size_t open_descriptors(pid_t pid) {
    const fs::path folder = "/proc/" + std::to_string(pid) + "/fd";
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// Memory that only this process has: its anonymous pages and its memfds' share, in kB.
long private_memory(pid_t pid) {
    std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
    long sum = 0;
    for (std::string word; rollup >> word;) {
        long value = 0;
        if (word == "Private_Dirty:" && rollup >> value) sum += value;
    }
    return sum;
}

std::chrono::milliseconds processor_time(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/schedstat");
    std::int64_t ns = 0;
    stat >> ns;
    return std::chrono::milliseconds(ns / 1'000'000);
}

UnitRecord status_of(Control& control, const std::string& unit) {
    const Answer answer = control.ask(Kind::Status, unit);
    return answer.units.empty() ? UnitRecord{} : answer.units.front();
}

/// What must not grow. It is looked at when PID 1 has come to rest.
struct Size {
    std::size_t descriptors = 0;
    long memory = 0;

    static Size of(const Guest& guest) {
        std::this_thread::sleep_for(800ms);
        return {open_descriptors(guest.pid()), private_memory(guest.pid())};
    }
};

void expect_unchanged(const Size& before, const Size& after) {
    EXPECT_EQ(after.descriptors, before.descriptors);
#if !defined(__SANITIZE_ADDRESS__) // It keeps what was freed for a while.
    EXPECT_LE(after.memory, before.memory + 4);
#endif
    std::cout << "descriptors " << before.descriptors << " -> " << after.descriptors
              << ", private memory " << before.memory << " -> " << after.memory << " kB\n";
}

TEST(Endurance, StartsAndStopsLeaveNothingBehind) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("web", {"sleep", "1000"});
    unit.policy.enabled = false;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    const int cycles = scaled(1000);
    Size before;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < cycles; ++i) {
        ASSERT_EQ(control.ask(Kind::Start, "web").code, 0) << i;
        ASSERT_EQ(control.ask(Kind::Stop, "web").code, 0) << i;
        if (i == 20) before = Size::of(guest);
    }
    const auto took = std::chrono::steady_clock::now() - start;
    std::cout << cycles << " starts and stops in " << took / 1ms << " ms\n";
    expect_unchanged(before, Size::of(guest));
}

TEST(Endurance, KilledServicesLeaveNothingBehind) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {service("web", {"sleep", "1000"})})});
    Control control = guest.control();
    Size before;
    std::int64_t pid = 0;
    for (int i = 0; i < scaled(1000); ++i) {
        UnitRecord now;
        ASSERT_TRUE(eventually([&] {
            now = status_of(control, "web");
            return now.state == kUp && now.pid != pid;
        })) << i;
        if (i == 20) before = Size::of(guest);
        pid = now.pid;
        ASSERT_EQ(::kill(static_cast<pid_t>(pid), SIGKILL), 0);
    }
    expect_unchanged(before, Size::of(guest));
}

/// A thousand units of a shape; each writes when it starts and when it is stopped.
std::vector<plan::UnitInput> thousand(bool chain, bool enabled) {
    std::vector<plan::UnitInput> units;
    for (int i = 0; i < 1000; ++i) {
        plan::UnitInput unit = service("u" + std::to_string(i), {"sleep", "1000"});
        unit.policy.enabled = enabled;
        if (chain && i > 0)
            unit.dependencies.push_back({static_cast<UnitId>(i - 1), DependencyKind::Requires, 0});
        units.push_back(unit);
    }
    if (!chain) {
        for (int i = 1; i < 1000; ++i)
            units[0].dependencies.push_back({static_cast<UnitId>(i), DependencyKind::Requires, 0});
    }
    return units;
}

class Thousand : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(, Thousand, testing::Bool(), [](const auto& instance) {
    return instance.param ? "Chain" : "Fan";
});

TEST_P(Thousand, StartAndStopInOrderForTwoSecondsOfProcessor) {
    const TemporaryFolder folder;
    const auto plan = write_plan(folder.path(), thousand(GetParam(), true));
    Guest guest({plan});
    Control control = guest.control();
    std::map<std::string, UnitRecord> units;
    std::string late;
    ASSERT_TRUE(eventually(
        [&] {
            // Asking costs PID 1 more than it has to do.
            std::this_thread::sleep_for(250ms);
            units.clear();
            for (UnitRecord& unit : control.ask(Kind::Status).units) {
                late = unit.name + " is in state " + std::to_string(unit.state) + " for reason " +
                       std::to_string(unit.reason) + ", error " + std::to_string(unit.error);
                if (unit.state != kUp) return false;
                units[unit.name] = unit;
            }
            return units.size() == 1000;
        },
        60s))
        << late << guest.said();
    const auto moment = [&](int unit, std::size_t which) {
        std::array<std::int64_t, 3> moments{};
        const std::string& bytes = units.at("u" + std::to_string(unit)).moments;
        std::memcpy(moments.data(), bytes.data(), std::min(bytes.size(), sizeof moments));
        return moments[which];
    };
    for (int i = 1; i < 1000; ++i) {
        const int first = GetParam() ? i - 1 : i;
        const int second = GetParam() ? i : 0;
        ASSERT_LE(moment(first, 1), moment(second, 0)) << "unit " << second << " was too early";
    }
    const auto started = processor_time(guest.pid());
    // A guest's PID 1 goes with its namespace; here it has to reap every one.
    guest.signal(SIGTERM);
    std::chrono::milliseconds whole = started;
    EXPECT_TRUE(eventually(
        [&] {
            const auto now = processor_time(guest.pid());
            whole = std::max(whole, now);
            return guest.wait(0ms).has_value();
        },
        60s));
    EXPECT_EQ(guest.wait(), 0) << guest.said();
    std::cout << "PID 1: start " << started.count() << " ms, with stop " << whole.count()
              << " ms of processor\n";
    EXPECT_LT(whole, 2s);
}

TEST(ThousandIdle, UnitsCostLittleMemory) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), thousand(true, false))});
    const TemporaryFolder other;
    Guest small({write_plan(other.path(), {service("one", {"sleep", "1000"})})});
    Control control = guest.control();
    const Answer answer = control.ask(Kind::Status);
    ASSERT_EQ(answer.units.size(), 1000U) << guest.said();
    ASSERT_EQ(small.control().ask(Kind::Ping).code, 0);
    const long with = Size::of(guest).memory;
    const long without = Size::of(small).memory;
    std::cout << "1000 idle units: " << with << " kB private, one unit: " << without << " kB\n";
    // 512 of them are the plan.
    EXPECT_LE(with - without, 720);
}

TEST(NotifyFlood, OfOneUnitStarvesNobody) {
    const TemporaryFolder folder;
    plan::UnitInput loud = service("loud", {kMisbehave, "flood-fast"});
    loud.policy.type = UnitType::Notify;
    loud.policy.ready = ReadyKind::Notify;
    plan::UnitInput calm = service("calm", {kMisbehave, "notify", "READY=1"});
    calm.policy.type = UnitType::Notify;
    calm.policy.ready = ReadyKind::Notify;
    Guest guest({write_plan(folder.path(), {loud, calm})});
    Control control = guest.control();
    ASSERT_TRUE(eventually([&] { return status_of(control, "loud").state == kUp; }));
    const auto until = std::chrono::steady_clock::now() + 3s;
    std::chrono::nanoseconds longest{};
    int restarts = 0;
    for (; std::chrono::steady_clock::now() < until; ++restarts) {
        const auto start = std::chrono::steady_clock::now();
        ASSERT_EQ(control.ask(Kind::Restart, "calm").code, 0);
        longest =
            std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - start);
    }
    EXPECT_LT(longest, 1s);
    EXPECT_GT(restarts, 3);
    guest.signal(SIGTERM);
    ASSERT_EQ(guest.wait(), 0) << guest.said();
    const std::string said = guest.said();
    const auto at = said.find("messages a second: ");
    ASSERT_NE(at, std::string::npos) << said;
    std::cout << said.substr(at, said.find('\n', at) - at) << "; " << restarts
              << " restarts of the other unit beside it, the longest " << longest / 1ms << " ms\n";
}

} // namespace
} // namespace stead::test
