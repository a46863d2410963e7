#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "init/guest.h"

/// What units are given, what must hold before they run, and what their ends bring about.
namespace stead::test {
namespace {

using wire::Kind;

constexpr int kUp = static_cast<int>(UnitState::Up);

std::string text_of(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool writes(const fs::path& path, const std::string& part) {
    return eventually([&] { return text_of(path).find(part) != std::string::npos; });
}

plan::UnitInput shell(const std::string& name, const std::string& script) {
    plan::UnitInput unit = service(name, {"/bin/sh", "-c", script});
    unit.policy.restart = RestartPolicy::No;
    return unit;
}

int state_of(Control& control, const std::string& unit) {
    const Answer answer = control.ask(Kind::Status, unit);
    return answer.units.empty() ? -1 : static_cast<int>(answer.units.front().state);
}

TEST(Outcome, StartsAUnitOncePerFailureAndTellsItWhy) {
    const TemporaryFolder folder;
    const fs::path out = folder.path() / "out";
    plan::UnitInput web = shell("web", "exit 42");
    web.policy.enabled = false;
    web.policy.on_failure = OutcomeAction::StartUnit;
    web.policy.outcome_units[1] = 1;
    plan::UnitInput rescue = shell("rescue", "echo $MONITOR_UNIT $MONITOR_SERVICE_RESULT "
                                             "$MONITOR_EXIT_CODE $MONITOR_EXIT_STATUS >> " +
                                                 out.string());
    rescue.policy.type = UnitType::Oneshot;
    rescue.policy.remain_after_exit = false;
    rescue.policy.enabled = false;
    Guest guest({write_plan(folder.path(), {web, rescue})});
    Control control = guest.control();
    for (int i = 1; i <= 2; ++i) {
        (void)control.ask(Kind::Start, "web");
        const std::string line = "web exit-code exited 42\n";
        EXPECT_TRUE(eventually([&] {
            return text_of(out).size() == line.size() * static_cast<std::size_t>(i);
        })) << text_of(out);
        EXPECT_EQ(text_of(out).substr(0, line.size()), line);
    }
}

TEST(ExitMap, MakesAnotherCodeOfTheGuests) {
    const TemporaryFolder folder;
    plan::UnitInput unit = shell("main", "exit 143");
    unit.policy.essential = true;
    unit.policy.code_changes = 1;
    unit.policy.exit_map[0] = {143, 0};
    Guest guest({write_plan(folder.path(), {unit})});
    EXPECT_EQ(guest.wait(), 0) << guest.said();
}

TEST(SignalMap, PassesASignalOnAsAnotherOrNotAtAll) {
    const TemporaryFolder folder;
    plan::UnitInput unit = service("main", {kMisbehave, "signals"});
    unit.policy.essential = true;
    unit.policy.restart = RestartPolicy::No;
    for (const int signal : {SIGTERM, SIGUSR1, SIGINT, 0, SIGUSR2, SIGTERM})
        unit.signal_map.push_back(static_cast<std::byte>(signal));
    Guest guest({write_plan(folder.path(), {unit})});
    ASSERT_TRUE(guest.says("listening"));
    guest.signal(SIGINT);
    guest.signal(SIGTERM);
    EXPECT_TRUE(guest.says("signal 10\n"));
    EXPECT_FALSE(guest.wait(200ms));
    guest.signal(SIGUSR2);
    EXPECT_EQ(guest.wait(), 0) << guest.said();
}

TEST(Hooks, AfterTheEndAreToldHowItWas) {
    const TemporaryFolder folder;
    const fs::path out = folder.path() / "out";
    plan::UnitInput unit = shell("web", "exec sleep 1000");
    unit.policy.restart = RestartPolicy::No;
    unit.commands_of(CommandRole::PostStop) = {
        {"/bin/sh", "-c", "echo $RESULT $EXIT_CODE $EXIT_STATUS > " + out.string()}};
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    ASSERT_TRUE(eventually([&] { return state_of(control, "web") == kUp; }));
    ::kill(static_cast<pid_t>(control.ask(Kind::Status, "web").units[0].pid), SIGKILL);
    EXPECT_TRUE(writes(out, "signal killed 9")) << text_of(out);
}

TEST(Conditions, SkipAUnitUnlessAllHold) {
    const TemporaryFolder folder;
    const std::string there = (folder.path() / "there").string();
    std::ofstream(there) << "x";
    const std::vector<std::pair<std::vector<std::string>, bool>> cases = {
        {{"p=" + there}, true},
        {{"p!" + there}, false},
        {{"p=" + there, "p=/nonexistent"}, false},
        {{"e=STEAD_TEST", "e=STEAD_TEST=yes", "e!STEAD_TEST=no", "e!OTHER"}, true},
        {{"e=STEAD_TES"}, false},
        {{"v=container", "v!guest", "v!machine"}, true},
        {{"v=guest"}, false},
        {{"c=0"}, true},
        {{"c=63"}, false},
    };
    std::vector<plan::UnitInput> units;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const std::string out = (folder.path() / std::to_string(i)).string();
        units.push_back(shell("u" + std::to_string(i), "exec sleep 1000"));
        units.back().commands_of(CommandRole::PreStart) = {{"/bin/sh", "-c", "echo ran > " + out}};
        units.back().exec.conditions = cases[i].first;
    }
    StartOptions options;
    options.environment = {"STEAD_TEST=yes"};
    Guest guest({write_plan(folder.path(), units)}, options);
    Control control = guest.control();
    for (std::size_t i = 0; i < cases.size(); ++i) {
        EXPECT_TRUE(eventually([&] { return state_of(control, "u" + std::to_string(i)) == kUp; }));
        EXPECT_EQ(fs::exists(folder.path() / std::to_string(i)), cases[i].second) << i;
    }
}

TEST(Credentials, AreFilesThatOnlyTheUnitReadsAndThatEndWithIt) {
    const TemporaryFolder folder;
    const fs::path out = folder.path() / "out";
    std::ofstream(folder.path() / "secret") << "pssst";
    plan::UnitInput unit =
        shell("web", "cat $CREDENTIALS_DIRECTORY/key > " + out.string() +
                         "; stat -c %a $CREDENTIALS_DIRECTORY $CREDENTIALS_DIRECTORY/key >> " +
                         out.string() + "; exec sleep 1000");
    unit.exec.credentials = {"key=" + (folder.path() / "secret").string()};
    Guest guest({write_plan(folder.path(), {unit})});
    EXPECT_TRUE(writes(out, "pssst500\n400\n")) << text_of(out) << guest.said();
    Control control = guest.control();
    EXPECT_TRUE(fs::exists(guest.runtime() / "credentials/web/key"));
    EXPECT_EQ(control.ask(Kind::Stop, "web").code, 0);
    EXPECT_FALSE(fs::exists(guest.runtime() / "credentials/web"));
    // What is missing is named by its stage.
    fs::remove(folder.path() / "secret");
    EXPECT_EQ(control.ask(Kind::Start, "web").code, 1);
    EXPECT_EQ(control.ask(Kind::Status, "web").units[0].stage,
              static_cast<int>(SpawnStage::Credentials));
}

TEST(Scheduling, IsWhatTheUnitAsksFor) {
    const TemporaryFolder folder;
    const fs::path out = folder.path() / "out";
    plan::UnitInput unit =
        shell("web", "nice > " + out.string() + "; chrt -p $$ >> " + out.string() +
                         "; taskset -p $$ >> " + out.string() + "; ionice -p $$ >> " +
                         out.string() + "; echo end >> " + out.string() + "; exec sleep 1000");
    unit.exec.nice = 5;
    unit.exec.cpu_policy = 3;
    unit.exec.cpu_affinity.assign(8, std::byte{0});
    unit.exec.cpu_affinity[0] = std::byte{1};
    unit.exec.io_priority = 2U << 13U | 7U;
    unit.exec.require = true;
    Guest guest({write_plan(folder.path(), {unit})});
    ASSERT_TRUE(writes(out, "end")) << text_of(out) << guest.said();
    const std::string text = text_of(out);
    EXPECT_EQ(text.substr(0, 2), "5\n");
    EXPECT_NE(text.find("SCHED_BATCH"), std::string::npos) << text;
    EXPECT_NE(text.find("mask: 1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("best-effort: prio 7"), std::string::npos) << text;
}

TEST(Terminal, BecomesTheControllingOneOfItsUnit) {
    const TemporaryFolder folder;
    const fs::path out = folder.path() / "out";
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ASSERT_GE(master, 0);
    ASSERT_EQ(::grantpt(master), 0);
    ASSERT_EQ(::unlockpt(master), 0);
    std::array<char, 64> name{};
    ASSERT_EQ(::ptsname_r(master, name.data(), name.size()), 0);
    plan::UnitInput unit =
        shell("getty", "tty > " + out.string() + "; ps -o tpgid= -p $$ >> " + out.string() +
                           "; echo hello; read line; echo \"got $line\" >> " + out.string() +
                           "; exec sleep 1000");
    unit.exec.terminal = name.data();
    Guest guest({write_plan(folder.path(), {unit})});
    EXPECT_TRUE(writes(out, std::string(name.data()) + "\n")) << text_of(out) << guest.said();
    ASSERT_EQ(::write(master, "word\n", 5), 5);
    EXPECT_TRUE(writes(out, "got word")) << text_of(out);
    EXPECT_EQ(text_of(out).find("-1\n"), std::string::npos) << "no controlling terminal";
    ::close(master);
}

} // namespace
} // namespace stead::test
