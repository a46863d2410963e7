#include <fcntl.h>
#include <sys/un.h>

#include <csignal>

#include <netinet/in.h>

#include "init/guest.h"

/// Units that show that they live, or that others look after, with the real stead-init.
namespace stead::test {
namespace {

using wire::Kind;

constexpr int kUp = static_cast<int>(UnitState::Up);
constexpr int kStarting = static_cast<int>(UnitState::Starting);

UnitRecord status_of(Control& control, const std::string& unit) {
    const Answer answer = control.ask(Kind::Status, unit);
    return answer.units.empty() ? UnitRecord{} : answer.units.front();
}

bool becomes(Control& control, const std::string& unit, int state) {
    return eventually([&] { return status_of(control, unit).state == state; });
}

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

plan::UnitInput shell(const std::string& name, const std::string& script) {
    return service(name, {"/bin/sh", "-c", script});
}

plan::UnitInput forking(const fs::path& pid_file, const std::string& script) {
    plan::UnitInput unit = shell("daemon", script);
    unit.policy.type = UnitType::Forking;
    unit.policy.ready = ReadyKind::PidFile;
    unit.policy.ready_interval_ms = 20;
    unit.policy.start_timeout_ms = 3000;
    unit.policy.restart = RestartPolicy::No;
    unit.ready_path = pid_file.string();
    return unit;
}

TEST(Forking, FollowsTheProcessOfThePidFile) {
    const TemporaryFolder folder;
    const fs::path file = folder.path() / "pid";
    Guest guest({write_plan(
        folder.path(),
        {forking(file, "(sleep 0.3; exec setsid sleep 1001) & echo $! > " + file.string())})});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "daemon", kUp)) << guest.said();
    const auto pid = status_of(control, "daemon").pid;
    EXPECT_EQ(std::to_string(pid) + "\n", text_of(file));
    ::kill(static_cast<pid_t>(pid), SIGKILL);
    EXPECT_TRUE(becomes(control, "daemon", static_cast<int>(UnitState::Failed)));
}

/// How long a process has run, by its /proc/PID/schedstat.
std::chrono::nanoseconds ran(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
    std::int64_t nanoseconds = 0;
    file >> nanoseconds;
    return std::chrono::nanoseconds(nanoseconds);
}

TEST(Forking, LeavesPid1AsleepWhileTheDaemonRuns) {
    const TemporaryFolder folder;
    plan::UnitInput unit = shell("daemon", "setsid sleep 1005 & sleep 0.1; exit 0");
    unit.policy.type = UnitType::Forking;
    unit.policy.restart = RestartPolicy::No;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    const auto notices = control.ask(Kind::Status).notices;
    if (!notices.empty() && notices[0].find("no cgroup") == 0)
        GTEST_SKIP() << "needs a cgroup2 tree of its own";
    ASSERT_TRUE(becomes(control, "daemon", kUp)) << guest.said();
    const auto before = ran(guest.pid());
    std::this_thread::sleep_for(400ms);
    EXPECT_LT(ran(guest.pid()) - before, 20ms);
    EXPECT_EQ(control.ask(Kind::Stop, "daemon").code, 0);
}

TEST(Forking, BelievesNoForeignEmptyOrLatePidFile) {
    const TemporaryFolder folder;
    const fs::path file = folder.path() / "pid";
    for (const std::string& content :
         {std::string("1"), std::string("0"), std::to_string(::getpid()), std::string("12x"),
          std::string("-5"), std::string(40, '9'), std::string()}) {
        std::ofstream(file) << content << "\n";
        plan::UnitInput unit = forking(file, "sleep 1002 & exit 0");
        unit.policy.start_timeout_ms = 300;
        Guest guest({write_plan(folder.path(), {unit})});
        Control control = guest.control();
        EXPECT_TRUE(becomes(control, "daemon", static_cast<int>(UnitState::Failed)))
            << content << guest.said();
    }
}

TEST(MainPid, IsFollowedToAProcessOfTheUnitAndNowhereElse) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "main-pid"});
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    unit.policy.restart = RestartPolicy::No;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "app", kUp)) << guest.said();
    // It named 0, 1 and the test's PID 1 first, then its child; and ended itself.
    const std::string child = status_of(control, "app").status;
    EXPECT_TRUE(eventually([&] { return std::to_string(status_of(control, "app").pid) == child; }));
    // The old main process ends with code 3 meanwhile, which is nobody's failure.
    std::this_thread::sleep_for(700ms);
    EXPECT_EQ(std::to_string(status_of(control, "app").pid), child);
    EXPECT_EQ(status_of(control, "app").state, kUp);
    ::kill(std::stoi(child), SIGKILL);
    EXPECT_TRUE(becomes(control, "app", static_cast<int>(UnitState::Failed))) << guest.said();
}

TEST(Watchdog, KillsAndRestartsAUnitThatFallsSilent) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "notify", "READY=1"});
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    unit.policy.watchdog_ms = 100;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    EXPECT_TRUE(eventually([&] { return status_of(control, "app").restarts >= 2; }));
}

TEST(Watchdog, TriggersWhenTheUnitAsksForIt) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("app", {kMisbehave, "notify", "READY=1\nWATCHDOG=trigger"});
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    unit.policy.watchdog_ms = 100'000;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    EXPECT_TRUE(eventually([&] { return status_of(control, "app").restarts >= 2; }));
}

TEST(Timeout, IsMovedByEXTEND_TIMEOUT_USEC) {
    const TemporaryFolder folder;
    plan::UnitInput patient =
        service("patient", {kMisbehave, "notify", "EXTEND_TIMEOUT_USEC=100000000"});
    patient.policy.type = UnitType::Notify;
    patient.policy.ready = ReadyKind::Notify;
    patient.policy.start_timeout_ms = 500;
    patient.policy.restart = RestartPolicy::No;
    plan::UnitInput silent = patient;
    silent.name = "silent";
    silent.commands_of(CommandRole::Main) = {{kMisbehave, "notify", "STATUS=x"}};
    Guest guest({write_plan(folder.path(), {patient, silent})});
    Control control = guest.control();
    EXPECT_TRUE(becomes(control, "silent", static_cast<int>(UnitState::Failed)));
    EXPECT_EQ(status_of(control, "patient").state, kStarting);
}

TEST(Notify, ASenderThatWasReapedIsStillAttributed) {
    const TemporaryFolder folder;
    plan::UnitInput unit =
        shell("app", std::string(kMisbehave) + " notify-exit READY=1; exec sleep 1003");
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    unit.exec.notify_access = NotifyAccess::All;
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    const bool tracked = !control.ask(Kind::Status).notices.empty() &&
                         control.ask(Kind::Status).notices[0].find("no cgroup") == 0;
    if (tracked) GTEST_SKIP() << "needs a cgroup2 tree of its own";
    // Stopped while the message is on its way, PID 1 finds the sender gone.
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(becomes(control, "app", kUp)) << i << guest.said();
        EXPECT_EQ(control.ask(Kind::Stop, "app").code, 0);
        Control other = guest.control();
        std::vector<std::byte> buffer(wire::kMaxMessage);
        wire::Writer start(buffer, Kind::Start);
        start.text(wire::Tag::Name, "app");
        ASSERT_TRUE(other.send(start));
        std::this_thread::sleep_for(1ms * i);
        guest.signal(SIGSTOP);
        std::this_thread::sleep_for(20ms);
        guest.signal(SIGCONT);
        EXPECT_EQ(other.receive().code, 0) << i;
    }
}

TEST(Health, RestartsAUnitWhoseProbeFails) {
    const TemporaryFolder folder;
    const fs::path well = folder.path() / "well";
    std::ofstream(well) << "x";
    plan::UnitInput by_path = shell("path", "exec sleep 1004");
    by_path.policy.health = ReadyKind::Path;
    by_path.health_path = well.string();
    plan::UnitInput by_command = shell("exec", "exec sleep 1004");
    by_command.policy.health = ReadyKind::Exec;
    by_command.commands_of(CommandRole::HealthProbe) = {{"/bin/test", "-e", well.string()}};
    std::vector<plan::UnitInput> units{by_path, by_command};
    for (plan::UnitInput& unit : units) {
        unit.policy.health_interval_ms = 30;
        unit.policy.health_timeout_ms = 2000;
        unit.policy.health_threshold = 2;
    }
    // A path that is not there gives no answer at all.
    units[0].policy.health_timeout_ms = 30;
    Guest guest({write_plan(folder.path(), units)});
    Control control = guest.control();
    for (const char* name : {"path", "exec"})
        ASSERT_TRUE(becomes(control, name, kUp)) << guest.said();
    std::this_thread::sleep_for(400ms);
    for (const char* name : {"path", "exec"})
        EXPECT_EQ(status_of(control, name).restarts, 0) << name << guest.said();
    fs::remove(well);
    for (const char* name : {"path", "exec"}) {
        EXPECT_TRUE(eventually([&] { return status_of(control, name).restarts >= 1; })) << name;
    }
}

TEST(Health, ATcpProbeSeesTheListenerComeAndGo) {
    const TemporaryFolder folder;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    ASSERT_EQ(::listen(listener, 1000), 0);
    plan::UnitInput unit = shell("app", "exec sleep 1005");
    unit.policy.health = ReadyKind::Tcp;
    unit.policy.health_interval_ms = 30;
    unit.policy.health_timeout_ms = 300;
    const auto* bytes = reinterpret_cast<const std::byte*>(&address);
    unit.health_address.assign(bytes, bytes + sizeof address);
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(becomes(control, "app", kUp)) << guest.said();
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(status_of(control, "app").restarts, 0) << guest.said();
    ::close(listener);
    EXPECT_TRUE(eventually([&] { return status_of(control, "app").restarts >= 1; }));
}

} // namespace
} // namespace stead::test
