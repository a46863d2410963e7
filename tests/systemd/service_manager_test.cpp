#include <csignal>

#include <gtest/gtest.h>

#include "sys/clock.h"
#include "systemd/fake_manager.h"
#include "systemd/guest_changes.h"
#include "systemd/service_manager.h"

namespace stead::systemd {
namespace {

using testing::FakeManager;

constexpr const char* kUnit = "stead@web.service";

JobEnd start(FakeManager& fake, Duration limit = 10_s) {
    ServiceManager manager(fake.bus.get());
    EXPECT_TRUE(manager.subscribe());
    return manager.change(Change::Start, kUnit, sys::now() + limit);
}

TEST(ServiceManagers, WaitForTheEndOfTheirJob) {
    FakeManager fake;
    EXPECT_TRUE(start(fake).done());
    fake.stop();
    EXPECT_EQ(fake.calls, std::vector<std::string>{"StartUnit stead@web.service"});
}

TEST(ServiceManagers, TellHowAJobFailed) {
    FakeManager fake;
    fake.job_result = "dependency";
    const JobEnd end = start(fake);
    EXPECT_FALSE(end.done());
    EXPECT_EQ(reason_of(end, {}), "something that it requires could not be started");
}

TEST(ServiceManagers, RefuseInTheirOwnWords) {
    FakeManager fake;
    fake.refusal = "Unit stead@web.service not found.";
    const JobEnd end = start(fake);
    EXPECT_EQ(end.problem, fake.refusal);
    EXPECT_EQ(reason_of(end, {}), fake.refusal);
}

TEST(ServiceManagers, AreWaitedForNoLongerThanTheLimit) {
    FakeManager fake;
    fake.job_result = "";
    EXPECT_TRUE(start(fake, Duration{50'000'000}).timed_out);
}

TEST(ServiceManagers, ThatGoAwayEndTheWait) {
    FakeManager fake;
    fake.job_result = "";
    ServiceManager manager(fake.bus.get());
    ASSERT_TRUE(manager.subscribe());
    std::string problem;
    ASSERT_FALSE(manager.enqueue(Change::Start, kUnit, problem).empty());
    sd_bus_close(fake.bus.get());
    const JobEnd end = manager.change(Change::Start, kUnit, sys::now() + 10_s);
    EXPECT_FALSE(end.done());
    EXPECT_FALSE(end.problem.empty());
}

TEST(ServiceManagers, KnowWhatBecameOfAUnit) {
    FakeManager fake;
    fake.result = "exit-code";
    fake.status = "no such root: /srv/web";
    fake.exit_kind = CLD_EXITED;
    fake.exit_value = 2;
    const UnitLook look = ServiceManager(fake.bus.get()).look(kUnit);
    EXPECT_EQ(look.state, "failed");
    EXPECT_EQ(look.result, "exit-code");
    EXPECT_EQ(look.exit_value, 2);
    JobEnd end;
    end.result = "failed";
    EXPECT_EQ(reason_of(end, look), "no such root: /srv/web");
}

TEST(ServiceManagers, NameTheSignalThatKilled) {
    JobEnd end;
    end.result = "failed";
    UnitLook look;
    look.exit_kind = CLD_KILLED;
    look.exit_value = SIGKILL;
    EXPECT_EQ(reason_of(end, look), "its PID 1 was killed by signal 9 (KILL)");
}

TEST(GuestChanges, ReturnTheExitCode) {
    FakeManager fake;
    EXPECT_EQ(change_guest(fake.bus.get(), Change::Start, "web", {}), 0);
    EXPECT_EQ(change_guest(fake.bus.get(), Change::Stop, "web", {}), 0);
    fake.stop();
    EXPECT_EQ(fake.calls, (std::vector<std::string>{"StartUnit stead@web.service",
                                                    "StopUnit stead@web.service"}));
}

TEST(GuestChanges, KillAGuestThatDoesNotStopWithForce) {
    FakeManager fake;
    fake.job_result = "";
    const ChangeWishes wishes{.no_wait = false, .force = true, .limit = Duration{50'000'000}};
    EXPECT_EQ(change_guest(fake.bus.get(), Change::Stop, "web", wishes), 0);
    fake.stop();
    EXPECT_EQ(fake.calls,
              (std::vector<std::string>{"StopUnit stead@web.service", "KillUnit stead@web.service",
                                        "StopUnit stead@web.service"}));
}

TEST(GuestChanges, TimeOutWithTheirOwnCode) {
    FakeManager fake;
    fake.job_result = "";
    const ChangeWishes wishes{.limit = Duration{50'000'000}};
    EXPECT_EQ(change_guest(fake.bus.get(), Change::Start, "web", wishes), 124);
}

} // namespace
} // namespace stead::systemd
