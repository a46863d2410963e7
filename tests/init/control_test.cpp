#include <sys/ptrace.h>

#include <array>
#include <csignal>
#include <cstring>

#include "init/guest.h"

namespace stead::test {
namespace {

using wire::Kind;

struct Fixture {
    TemporaryFolder folder;
    std::string plan =
        write_plan(folder.path(), {service("web", {"sleep", "1000"}), sleeper("off")});
    Guest guest{{plan}};

    static plan::UnitInput sleeper(const std::string& name) {
        plan::UnitInput unit = service(name, {"sleep", "1000"});
        unit.policy.enabled = false;
        return unit;
    }
};

TEST(Control, StartsStopsAndRestartsAndAnswersWhenItIsDone) {
    Fixture f;
    Control control = f.guest.control();
    Answer started = control.ask(Kind::Start, "off");
    ASSERT_EQ(started.code, 0) << started.text;
    ASSERT_EQ(started.units.size(), 1U);
    EXPECT_EQ(started.units[0].state, static_cast<int>(UnitState::Up));
    const auto pid = started.units[0].pid;

    Answer restarted = control.ask(Kind::Restart, "off");
    ASSERT_EQ(restarted.code, 0);
    EXPECT_NE(restarted.units[0].pid, pid);

    Answer stopped = control.ask(Kind::Stop, "off");
    ASSERT_EQ(stopped.code, 0);
    EXPECT_EQ(stopped.units[0].pid, 0);
    EXPECT_EQ(stopped.units[0].state, static_cast<int>(UnitState::Down));
}

TEST(Control, TellsWhenUnitsCameUpAndWhatTheyNeed) {
    TemporaryFolder folder;
    plan::UnitInput web = service("web", {"sleep", "1000"});
    web.dependencies = {{.target = 1, .kind = DependencyKind::Requires}};
    Guest guest{{write_plan(folder.path(), {web, service("data", {"sleep", "1000"})})}};
    Control control = guest.control();
    ASSERT_TRUE(eventually([&] {
        return control.ask(Kind::Status, "web").units[0].state == static_cast<int>(UnitState::Up);
    }));
    const Answer answer = control.ask(Kind::Status);
    ASSERT_EQ(answer.units.size(), 2U);
    std::array<std::array<std::int64_t, 3>, 2> moments{};
    for (std::size_t i = 0; i < 2; ++i) {
        ASSERT_EQ(answer.units[i].moments.size(), sizeof moments[i]);
        std::memcpy(moments[i].data(), answer.units[i].moments.data(), sizeof moments[i]);
        EXPECT_LE(moments[i][0], moments[i][1]);
        EXPECT_EQ(moments[i][2], 0);
    }
    EXPECT_GT(answer.boot_time, 0);
    EXPECT_LE(answer.boot_time, moments[1][0]);
    EXPECT_GE(answer.ready_time, moments[0][1]);
    EXPECT_GE(moments[0][0], moments[1][1]) << "web starts once data is up";

    Dependency need;
    ASSERT_EQ(answer.units[0].needs.size(), sizeof need);
    std::memcpy(&need, answer.units[0].needs.data(), sizeof need);
    EXPECT_EQ(need, (Dependency{.target = 1, .kind = DependencyKind::Requires}));
    EXPECT_EQ(answer.units[1].needs, "");
}

TEST(Control, KnowsNoUnitOfAnotherName) {
    Fixture f;
    Control control = f.guest.control();
    for (const Kind kind : {Kind::Status, Kind::Start, Kind::Stop, Kind::Restart, Kind::Reload,
                            Kind::Kill, Kind::Wait}) {
        const Answer answer = control.ask(kind, "nobody");
        EXPECT_EQ(answer.code, 5);
        EXPECT_NE(answer.text.find("nobody"), std::string::npos);
    }
}

TEST(Control, KillsWithTheSignalItIsTold) {
    Fixture f;
    Control control = f.guest.control();
    ASSERT_EQ(control.ask(Kind::Start, "off").code, 0);
    std::vector<std::byte> buffer(4096);
    wire::Writer bad(buffer, Kind::Kill);
    bad.text(wire::Tag::Name, "off").number(wire::Tag::Signal, 99);
    ASSERT_TRUE(control.send(bad));
    EXPECT_EQ(control.receive().code, 2);

    const auto pid = control.ask(Kind::Status, "off").units[0].pid;
    wire::Writer kill(buffer, Kind::Kill);
    kill.text(wire::Tag::Name, "off").number(wire::Tag::Signal, SIGKILL);
    ASSERT_TRUE(control.send(kill));
    EXPECT_EQ(control.receive().code, 0);
    EXPECT_TRUE(eventually([&] {
        const UnitRecord now = control.ask(Kind::Status, "off").units[0];
        return now.pid != 0 && now.pid != pid;
    }));
}

// On a busy machine a killed process lives on until it gets a processor; here its tracer holds it.
TEST(Control, WaitingAfterAKillIsForWhatComesAfterTheDeath) {
    Fixture f;
    Control control = f.guest.control();
    Answer started = control.ask(Kind::Start, "off");
    ASSERT_EQ(started.code, 0) << started.text;
    const auto pid = started.units[0].pid;
    const auto tracee = static_cast<pid_t>(pid);
    if (::ptrace(PTRACE_SEIZE, tracee, nullptr, PTRACE_O_TRACEEXIT) != 0)
        GTEST_SKIP() << "needs to trace processes";

    std::vector<std::byte> buffer(4096);
    wire::Writer kill(buffer, Kind::Kill);
    kill.text(wire::Tag::Name, "off").number(wire::Tag::Signal, SIGKILL);
    ASSERT_TRUE(control.send(kill));
    EXPECT_EQ(control.receive().code, 0);
    ASSERT_EQ(::waitpid(tracee, nullptr, __WALL), tracee);

    Control patient = f.guest.control();
    wire::Writer wait(buffer, Kind::Wait);
    wait.text(wire::Tag::Name, "off").number(wire::Tag::Flags, wire::kUntilSettled);
    ASSERT_TRUE(patient.send(wait));
    EXPECT_EQ(control.ask(Kind::Ping).code, 0);
    EXPECT_EQ(patient.receive(200ms).code, -1)
        << "the killed process is taken for a unit that is up";
    ::ptrace(PTRACE_CONT, tracee, nullptr, nullptr);
    ::waitpid(tracee, nullptr, __WALL);
    const Answer answer = patient.receive();
    EXPECT_EQ(answer.code, 0);
    ASSERT_EQ(answer.units.size(), 1U);
    EXPECT_NE(answer.units[0].pid, pid);
}

TEST(Control, ShutsTheGuestDown) {
    Fixture f;
    Control control = f.guest.control();
    EXPECT_EQ(control.ask(Kind::Shutdown).code, 0);
    EXPECT_EQ(f.guest.wait(), 0) << f.guest.said();
}

TEST(Control, OthersMayLookButNotCommand) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    Fixture f;
    (void)f.guest.control();
    fs::permissions(f.guest.folder(), fs::perms(0755));
    const std::string path = f.guest.runtime() / "control";
    const pid_t child = ::fork();
    if (child == 0) {
        (void)!::setgid(12345);
        (void)!::setuid(12345);
        auto control = Control::open(path);
        if (!control) ::_exit(1);
        if (control->ask(Kind::Status).code != 0) ::_exit(2);
        for (const Kind kind :
             {Kind::Start, Kind::Stop, Kind::Restart, Kind::Reload, Kind::Kill, Kind::Exec,
              Kind::Shutdown, Kind::AttachKeeper, Kind::ReloadUnits}) {
            if (control->ask(kind, "web").code != 1) ::_exit(3);
        }
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_FALSE(f.guest.wait(100ms).has_value());
}

TEST(Control, TheGuestsOwnListenerMakesNobodyTheKeeper) {
    Fixture f;
    Control control = f.guest.control();
    EXPECT_EQ(control.ask(Kind::AttachKeeper).code, 1);
}

TEST(Control, RubbishEndsTheConnectionAndNothingElse) {
    Fixture f;
    Control good = f.guest.control();
    unsigned seed = 1;
    for (int i = 0; i < 300; ++i) {
        auto bad = Control::open(f.guest.runtime() / "control");
        ASSERT_TRUE(bad.has_value());
        std::vector<std::byte> bytes(1 + seed % 3000);
        for (std::byte& byte : bytes) {
            seed = seed * 1103515245U + 12345U;
            byte = static_cast<std::byte>(seed >> 16U);
        }
        if (i % 2 == 0 && bytes.size() >= sizeof(wire::Header)) {
            const wire::Header header{
                .kind = static_cast<Kind>(i % 20),
                .size = static_cast<std::uint32_t>(bytes.size() - sizeof(wire::Header))};
            std::memcpy(bytes.data(), &header, sizeof header);
        }
        (void)::send(bad->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    EXPECT_EQ(good.ask(Kind::Ping).code, 0);
}

TEST(Control, AClientThatNeverReadsHoldsNobody) {
    Fixture f;
    Control good = f.guest.control();
    auto deaf = Control::open(f.guest.runtime() / "control");
    ASSERT_TRUE(deaf.has_value());
    std::vector<std::byte> buffer(4096);
    for (int i = 0; i < 20'000; ++i) {
        wire::Writer status(buffer, Kind::Status);
        if (!deaf->send(status)) {
            pollfd room{deaf->fd(), POLLOUT, 0};
            if (::poll(&room, 1, 0) != 1) break;
        }
    }
    EXPECT_EQ(good.ask(Kind::Ping).code, 0);
    EXPECT_EQ(good.ask(Kind::Restart, "web").code, 0);
}

TEST(Control, MoreClientsThanPlacesCannotLockOthersOut) {
    Fixture f;
    (void)f.guest.control();
    std::vector<Control> idle;
    for (int i = 0; i < 100; ++i) {
        auto client = Control::open(f.guest.runtime() / "control");
        if (client) idle.push_back(std::move(*client));
    }
    auto late = Control::open(f.guest.runtime() / "control");
    ASSERT_TRUE(late.has_value());
    EXPECT_EQ(late->ask(Kind::Ping).code, 0);
}

TEST(Control, AClientThatLeavesWhileItWaitsIsForgotten) {
    Fixture f;
    Control good = f.guest.control();
    // So many that some get the place of one whose leaving PID 1 has yet to read of.
    for (int i = 0; i < 2000; ++i) {
        auto client = Control::open(f.guest.runtime() / "control");
        ASSERT_TRUE(client.has_value());
        std::vector<std::byte> buffer(256);
        wire::Writer message(buffer, i % 2 == 0 ? Kind::Restart : Kind::Wait);
        message.text(wire::Tag::Name, "web");
        ASSERT_TRUE(client->send(message));
    }
    EXPECT_EQ(good.ask(Kind::Start, "web").code, 0);
}

} // namespace
} // namespace stead::test
