#include <map>

#include "init/guest.h"

// Other units under a running guest, with the real stead-init.
namespace stead::test {
namespace {

constexpr int kUp = static_cast<int>(UnitState::Up);
constexpr int kDone = static_cast<int>(UnitState::Done);

plan::UnitInput sleeper(const std::string& name, const std::string& seconds = "1000") {
    return service(name, {"/bin/sleep", seconds});
}

/// A unit that writes `word` into a file of the folder when it is stopped.
plan::UnitInput tells_its_stop(const fs::path& folder, const std::string& word) {
    plan::UnitInput unit = sleeper("web", "100" + std::to_string(word.size()));
    unit.commands_of(CommandRole::PostStop) = {
        {"/bin/sh", "-c", "echo " + word + " >> " + (folder / "stops").string()}};
    return unit;
}

void need(plan::UnitInput& unit, DependencyKind kind, UnitId target) {
    unit.dependencies.push_back({target, kind, 0});
}

std::string content(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Reload : testing::Test {
    void begin(const std::vector<plan::UnitInput>& units) {
        guest.emplace(std::vector<std::string>{write_plan(folder.path(), units)},
                      StartOptions{.namespaced = true});
        control.emplace(guest->control());
        for (const plan::UnitInput& unit : units)
            EXPECT_TRUE(!unit.policy.enabled || comes_up(unit.name)) << unit.name;
    }

    std::map<std::string, UnitRecord> status() {
        std::map<std::string, UnitRecord> units;
        for (UnitRecord& unit : control->ask(wire::Kind::Status).units)
            units[unit.name] = unit;
        return units;
    }

    bool comes_up(const std::string& name) {
        return eventually([&] {
            const auto units = status();
            const auto unit = units.find(name);
            return unit != units.end() && unit->second.state == kUp;
        });
    }

    TemporaryFolder folder;
    std::optional<Guest> guest;
    std::optional<Control> control;
};

TEST_F(Reload, KeepsWhatRunsStartsWhatIsNewAndLetsGoOfWhatIsGone) {
    begin({sleeper("gone"), sleeper("stays")});
    const auto before = status();
    plan::UnitInput disabled = sleeper("disabled");
    disabled.policy.enabled = false;
    ASSERT_EQ(reload(*control, {disabled, sleeper("new"), sleeper("stays")}).code, 0)
        << guest->said();
    EXPECT_TRUE(comes_up("new"));
    auto now = status();
    EXPECT_EQ(now.at("stays").pid, before.at("stays").pid);
    EXPECT_EQ(now.at("stays").flags & (wire::kChanged | wire::kGhost), 0);
    EXPECT_EQ(now.at("disabled").state, static_cast<int>(UnitState::Down));
    EXPECT_EQ(now.at("gone").pid, before.at("gone").pid) << "it goes on without a file";
    EXPECT_NE(now.at("gone").flags & wire::kGhost, 0);
    EXPECT_EQ(control->ask(wire::Kind::Restart, "gone").code, 1);
    EXPECT_EQ(control->ask(wire::Kind::Stop, "gone").code, 0);
    EXPECT_EQ(status().count("gone"), 0U);
    EXPECT_EQ(control->ask(wire::Kind::Start, "gone").code, 5);
    EXPECT_EQ(control->ask(wire::Kind::Start, "disabled").code, 0);
    guest->signal(SIGTERM);
    EXPECT_EQ(guest->wait(), 0) << guest->said();
}

TEST_F(Reload, StopsAUnitAsItWasStartedAndStartsItAsItIsWrittenNow) {
    begin({tells_its_stop(folder.path(), "old")});
    const auto before = status();
    ASSERT_EQ(reload(*control, {tells_its_stop(folder.path(), "newer")}).code, 0);
    EXPECT_EQ(status().at("web").pid, before.at("web").pid);
    EXPECT_NE(status().at("web").flags & wire::kChanged, 0);
    EXPECT_TRUE(is_running("sleep 1003"));
    EXPECT_EQ(control->ask(wire::Kind::Restart, "web").code, 0);
    EXPECT_EQ(content(folder.path() / "stops"), "old\n");
    EXPECT_EQ(status().at("web").flags & wire::kChanged, 0);
    EXPECT_TRUE(eventually([] { return is_running("sleep 1005"); }));
    EXPECT_EQ(control->ask(wire::Kind::Stop, "web").code, 0);
    EXPECT_EQ(content(folder.path() / "stops"), "old\nnewer\n");
}

TEST_F(Reload, ANewDependencyActsAndAnOldOneLetsGo) {
    plan::UnitInput idle = sleeper("db");
    idle.policy.enabled = false;
    begin({idle, sleeper("web")});
    plan::UnitInput web = sleeper("web");
    need(web, DependencyKind::Requires, 0);
    ASSERT_EQ(reload(*control, {idle, web}).code, 0);
    EXPECT_TRUE(comes_up("db")) << "web needs it now";
    ASSERT_EQ(reload(*control, {idle, sleeper("web")}).code, 0);
    EXPECT_TRUE(eventually([&] {
        return status().at("db").state == static_cast<int>(UnitState::Down);
    })) << "nobody needs it any more";
    EXPECT_EQ(status().at("web").state, kUp);
    ASSERT_EQ(reload(*control, {idle, web}).code, 0);
    EXPECT_TRUE(comes_up("db"));
    EXPECT_EQ(control->ask(wire::Kind::Stop, "db").code, 0);
    EXPECT_NE(status().at("web").state, kUp) << "a stop of what it requires stops it";
}

TEST_F(Reload, RefusesAPlanThatIsWrongAndChangesNothing) {
    begin({sleeper("web")});
    const auto before = status();
    EXPECT_EQ(reload(*control, {sleeper("other")}, 0, false).code, 1) << "not sealed";
    // No descriptor; a file that is no plan; an empty one.
    EXPECT_EQ(control->ask(wire::Kind::ReloadUnits).code, 2);
    for (const std::string& text : {std::string(), std::string(4096, 'x')}) {
        const auto file = sys::make_memory_file("junk");
        ASSERT_EQ(::write(file->get(), text.data(), text.size()),
                  static_cast<ssize_t>(text.size()));
        (void)sys::add_seals(file->get(), 15);
        std::vector<std::byte> buffer(512);
        wire::Writer message(buffer, wire::Kind::ReloadUnits);
        const int fd = file->get();
        ASSERT_TRUE(control->send(message, std::span(&fd, 1)));
        EXPECT_EQ(control->receive().code, 1);
    }
    EXPECT_EQ(reload(*control, {sleeper("web")}, wire::kAddUnit).code, 1) << "the name is taken";
    EXPECT_EQ(reload(*control, {sleeper("a"), sleeper("b")}, wire::kAddUnit).code, 1);
    EXPECT_EQ(status().size(), 1U);
    EXPECT_EQ(status().at("web").pid, before.at("web").pid);
}

TEST_F(Reload, AddsAUnitThatIsGoneWhenItIsDown) {
    begin({sleeper("web")});
    const auto before = status();
    plan::UnitInput job = sleeper("job");
    job.policy.enabled = false;
    job.policy.restart = RestartPolicy::No;
    const Answer added = reload(*control, {job}, wire::kAddUnit);
    EXPECT_EQ(added.code, 0) << added.text << guest->said();
    EXPECT_TRUE(comes_up("job"));
    EXPECT_EQ(status().at("web").pid, before.at("web").pid);
    // It outlives a reload that knows nothing of it.
    const std::int64_t pid = status().at("job").pid;
    EXPECT_EQ(reload(*control, {sleeper("web", "7")}).code, 0);
    EXPECT_EQ(status().at("job").pid, pid);
    ::kill(static_cast<pid_t>(pid), 0);
    EXPECT_EQ(control->ask(wire::Kind::Kill, "job").code, 0);
    EXPECT_TRUE(eventually([&] { return status().count("job") == 0; }));

    plan::UnitInput wrong = job;
    wrong.commands_of(CommandRole::Main) = {{"/does/not/exist"}};
    EXPECT_EQ(reload(*control, {wrong}, wire::kAddUnit).code, 1) << "it says that it cannot run";
    EXPECT_EQ(status().count("job"), 0U);
}

TEST_F(Reload, TwoHundredTimesLeavesNothingBehind) {
    begin({sleeper("web"), sleeper("keeps")});
    const auto descriptors = [&] {
        const fs::path place = "/proc/" + std::to_string(guest->pid()) + "/fd";
        return std::distance(fs::directory_iterator(place), fs::directory_iterator());
    };
    ASSERT_EQ(reload(*control, {sleeper("web"), sleeper("keeps")}).code, 0);
    const auto before = descriptors();
    const auto pid = status().at("keeps").pid;
    for (int i = 0; i < 200; ++i) {
        plan::UnitInput once = sleeper("once-" + std::to_string(i));
        once.policy.enabled = false;
        ASSERT_EQ(
            reload(*control, {sleeper("web", std::to_string(1000 + i)), once, sleeper("keeps")})
                .code,
            0)
            << i << guest->said();
        ASSERT_EQ(control->ask(wire::Kind::Restart, "web").code, 0) << i;
    }
    EXPECT_EQ(status().size(), 3U);
    EXPECT_EQ(status().at("keeps").pid, pid);
    EXPECT_LE(descriptors(), before + 1);
    EXPECT_TRUE(is_running("sleep 1199"));
}

TEST_F(Reload, SaysWhenUnitsRunByTooManyPlans) {
    std::vector<plan::UnitInput> units;
    units.reserve(20);
    for (int i = 0; i < 20; ++i)
        units.push_back(sleeper("unit-" + std::to_string(i)));
    begin(units);
    Answer last;
    for (int i = 0; i < 20 && last.code <= 0; ++i) {
        // One more of them changes and is restarted, so that each runs by a plan of its own.
        for (int other = i; other < 20; ++other)
            units[static_cast<std::size_t>(other)] =
                sleeper("unit-" + std::to_string(other), std::to_string(2000 + i));
        last = reload(*control, units);
        if (last.code != 0) break;
        for (int other = i + 1; other < 20; ++other)
            ASSERT_EQ(control->ask(wire::Kind::Restart, "unit-" + std::to_string(other)).code, 0);
    }
    EXPECT_EQ(last.code, 1);
    EXPECT_TRUE(last.text.find("restart those") != std::string::npos) << last.text;
    for (const auto& [name, unit] : status())
        EXPECT_EQ(unit.state, kUp) << name;
}

TEST_F(Reload, WhoWaitsGetsItsAnswerAndAnUpgradeFollows) {
    plan::UnitInput slow = service("slow", {"/bin/sh", "-c", "sleep 1; exit 0"});
    slow.policy.type = UnitType::Oneshot;
    slow.policy.enabled = false;
    slow.policy.restart = RestartPolicy::No;
    begin({sleeper("web"), slow});
    Control waiter = guest->control();
    std::thread waits([&] { EXPECT_EQ(waiter.ask(wire::Kind::Start, "slow").code, 0); });
    EXPECT_TRUE(eventually([&] { return status().at("slow").pid > 0; }));
    EXPECT_EQ(reload(*control, {slow, sleeper("new"), sleeper("web", "5")}).code, 0);
    waits.join();
    EXPECT_EQ(status().at("slow").state, kDone);
    const int program = ::open(kInit, O_PATH | O_CLOEXEC);
    std::vector<std::byte> buffer(512);
    wire::Writer message(buffer, wire::Kind::Upgrade);
    ASSERT_TRUE(control->send(message, std::span(&program, 1)));
    ::close(program);
    const Answer upgraded = control->receive();
    EXPECT_EQ(upgraded.code, 0) << upgraded.text;
    EXPECT_NE(status().at("web").flags & wire::kChanged, 0);
}

} // namespace
} // namespace stead::test
