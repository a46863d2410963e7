#include <csignal>

#include "init/guest.h"

// What processes say before they end, and who is believed to have said it.
namespace stead::test {
namespace {

using wire::Kind;

constexpr int kUp = static_cast<int>(UnitState::Up);

UnitRecord status_of(Control& control, const std::string& unit) {
    const Answer answer = control.ask(Kind::Status, unit);
    return answer.units.empty() ? UnitRecord{} : answer.units.front();
}

plan::UnitInput notifier(const std::string& name, plan::Argv argv) {
    plan::UnitInput unit = service(name, std::move(argv));
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    return unit;
}

bool has_cgroups(Control& control) {
    for (const std::string& notice : control.ask(Kind::Status).notices)
        if (notice.find("no cgroup") == 0) return false;
    return true;
}

// The main process ends with its words, and starts again at once, a thousand times.
TEST(LastWords, OfAMainProcessThatEndsAtOnceCountAThousandTimes) {
    const TemporaryFolder folder;
    plan::UnitInput unit = notifier("app", {kMisbehave, "notify-exit", "READY=1"});
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(eventually([&] { return status_of(control, "app").restarts >= 1000; }, 60s))
        << guest.said();
    // An end before READY would be a failure with that name.
    const Answer stopped = control.ask(Kind::Stop, "app");
    EXPECT_EQ(stopped.code, 0);
    EXPECT_NE(status_of(control, "app").reason,
              static_cast<std::int64_t>(ReasonKind::EndedBeforeReady));
    EXPECT_EQ(guest.said().find("before"), std::string::npos) << guest.said();
}

// Short-lived children of a unit, reaped by their parent before PID 1 reads what they said, beside
// such of another unit that may not speak.
TEST(LastWords, OfReapedSendersAreTheirUnitsAndNobodyElses) {
    const TemporaryFolder folder;
    const auto says = [](const std::string& text) {
        return std::string("i=0; while [ $i -lt 1000 ]; do i=$((i+1)); ") + kMisbehave +
               " notify-exit \"STATUS=" + text + "$i\"; done; exec sleep 1000";
    };
    plan::UnitInput heard = notifier("heard", {"/bin/sh", "-c", says("heard-")});
    heard.exec.notify_access = NotifyAccess::All;
    plan::UnitInput mute = notifier("mute", {"/bin/sh", "-c", says("mute-")});
    mute.exec.notify_access = NotifyAccess::Main;
    Guest guest({write_plan(folder.path(), {heard, mute})});
    Control control = guest.control();
    if (!has_cgroups(control)) GTEST_SKIP() << "needs a cgroup2 tree of its own";
    std::string last;
    int others = 0;
    EXPECT_TRUE(eventually(
        [&] {
            for (const UnitRecord& unit : control.ask(Kind::Status).units) {
                if (unit.name == "mute" && !unit.status.empty()) ++others;
                if (unit.name == "heard" && unit.status.find("heard-") != 0 && !unit.status.empty())
                    ++others;
                if (unit.name == "heard") last = unit.status;
            }
            return last == "heard-1000";
        },
        60s))
        << last;
    EXPECT_EQ(others, 0);
}

TEST(LastWords, OfTheRealSystemdNotify) {
    if (!fs::exists("/usr/bin/systemd-notify")) GTEST_SKIP() << "needs systemd-notify";
    const TemporaryFolder folder;
    plan::UnitInput unit =
        notifier("app", {"/bin/sh", "-c",
                         "case $NOTIFY_SOCKET in /*) ;; *) exit 9;; esac; systemd-notify --ready "
                         "--status='at work'; exec sleep 1000"});
    unit.exec.notify_access = NotifyAccess::All;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    if (!has_cgroups(control)) GTEST_SKIP() << "needs a cgroup2 tree of its own";
    EXPECT_TRUE(eventually([&] { return status_of(control, "app").state == kUp; })) << guest.said();
    EXPECT_EQ(status_of(control, "app").status, "at work");
}

// A child that holds the pipes does not hide the death of the main process.
TEST(LastWords, AreNotWaitedForWhereAChildKeepsThePipe) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {"/bin/sh", "-c", "sleep 1000 & sleep 0.2; exit 4"});
    unit.policy.restart = RestartPolicy::No;
    unit.exec.output = OutputKind::Log;
    unit.exec.error = OutputKind::Log;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    EXPECT_TRUE(eventually(
        [&] { return status_of(control, "app").state == static_cast<int>(UnitState::Failed); },
        3s));
    EXPECT_EQ(status_of(control, "app").reason, static_cast<std::int64_t>(ReasonKind::Exited));
}

// The daemon writes its file two seconds late, and the units are reloaded meanwhile.
TEST(LatePidFile, IsFoundThoughUnitsAreReloadedMeanwhile) {
    const TemporaryFolder folder;
    const fs::path file = folder.path() / "pid";
    plan::UnitInput unit = service(
        "daemon", {"/bin/sh", "-c",
                   "setsid sh -c 'sleep 2; echo $$ > " + file.string() + "; exec sleep 1006' &"});
    unit.policy.type = UnitType::Forking;
    unit.policy.ready = ReadyKind::PidFile;
    unit.policy.ready_interval_ms = 50;
    unit.policy.start_timeout_ms = 15'000;
    unit.policy.restart = RestartPolicy::No;
    unit.ready_path = file.string();
    const std::vector<plan::UnitInput> units{unit, service("other", {"sleep", "1000"})};
    Guest guest({write_plan(folder.path(), units)});
    Control control = guest.control();
    if (!has_cgroups(control)) GTEST_SKIP() << "needs a cgroup2 tree of its own";
    std::this_thread::sleep_for(700ms);
    ASSERT_EQ(reload(control, units).code, 0) << guest.said();
    EXPECT_TRUE(eventually([&] { return status_of(control, "daemon").state == kUp; }))
        << guest.said();
    std::ifstream text(file);
    std::int64_t pid = 0;
    text >> pid;
    EXPECT_EQ(status_of(control, "daemon").pid, pid);
}

} // namespace
} // namespace stead::test
