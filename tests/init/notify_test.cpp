#include <sys/un.h>

#include "init/guest.h"

namespace stead::test {
namespace {

using wire::Kind;

plan::UnitInput notifier(const std::string& name, plan::Argv argv) {
    plan::UnitInput unit = service(name, std::move(argv));
    unit.policy.type = UnitType::Notify;
    unit.policy.ready = ReadyKind::Notify;
    return unit;
}

std::int64_t state_of(Control& control, const std::string& unit) {
    const Answer answer = control.ask(Kind::Status, unit);
    return answer.units.empty() ? -1 : answer.units.front().state;
}

TEST(Notify, ReadyBringsAUnitUpAndStatusIsShown) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {notifier("app", {kMisbehave, "notify",
                                                             "STATUS=warming\x01 up\nREADY=1"})})});
    Control control = guest.control();
    EXPECT_TRUE(eventually([&] {
        return state_of(control, "app") == static_cast<int>(UnitState::Up);
    })) << guest.said();
    EXPECT_EQ(control.ask(Kind::Status, "app").units[0].status, "warming? up");
}

TEST(Notify, WithoutReadyAUnitStaysStarting) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {notifier("app", {kMisbehave, "notify", "STATUS=x"})})});
    Control control = guest.control();
    ASSERT_TRUE(
        eventually([&] { return !control.ask(Kind::Status, "app").units[0].status.empty(); }));
    EXPECT_EQ(state_of(control, "app"), static_cast<int>(UnitState::Starting));
}

TEST(Notify, AStrangersMessageCountsForNothing) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {notifier("app", {"sleep", "1000"})})});
    Control control = guest.control();
    const std::string path = guest.runtime() / "notify";
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    for (const std::string& text :
         {std::string("READY=1"), std::string(8000, 'x') + "\nREADY=1", std::string("\n\n\n=\n"),
          std::string(1, '\0'), std::string("EXTEND_TIMEOUT_USEC=99999999999999999999999")}) {
        (void)::send(fd, text.data(), text.size(), MSG_DONTWAIT);
    }
    ::close(fd);
    EXPECT_EQ(control.ask(Kind::Ping).code, 0);
    EXPECT_EQ(state_of(control, "app"), static_cast<int>(UnitState::Starting));
}

TEST(Notify, AFloodDoesNotStarveOthers) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {notifier("loud", {kMisbehave, "flood"}),
                                            service("calm", {"sleep", "1000"})})});
    Control control = guest.control();
    for (int i = 0; i < 5; ++i) {
        const auto start = std::chrono::steady_clock::now();
        EXPECT_EQ(control.ask(Kind::Restart, "calm").code, 0);
        EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
    }
}

TEST(NotifyFd, ANewlineBringsAUnitUp) {
    for (const std::uint32_t number : {3U, 37U}) {
        const TemporaryFolder folder;
        plan::UnitInput unit = service("app", {kMisbehave, "ready-fd", std::to_string(number)});
        unit.policy.type = UnitType::NotifyFd;
        unit.policy.ready = ReadyKind::Fd;
        unit.exec.ready_fd = number;
        Guest guest({write_plan(folder.path(), {unit})});
        Control control = guest.control();
        EXPECT_TRUE(eventually([&] {
            return state_of(control, "app") == static_cast<int>(UnitState::Up);
        })) << guest.said();
    }
}

TEST(ReadyProbe, APathThatAppearsBringsAUnitUp) {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "appears";
    plan::UnitInput unit =
        service("app", {"/bin/sh", "-c", "sleep 0.3; touch " + path.string() + "; sleep 1000"});
    unit.policy.ready = ReadyKind::Path;
    unit.policy.ready_interval_ms = 50;
    unit.ready_path = path.string();
    Guest guest({write_plan(folder.path(), {unit})});
    Control control = guest.control();
    EXPECT_EQ(state_of(control, "app"), static_cast<int>(UnitState::Starting));
    EXPECT_TRUE(
        eventually([&] { return state_of(control, "app") == static_cast<int>(UnitState::Up); }));
    EXPECT_TRUE(fs::exists(path));
}

} // namespace
} // namespace stead::test
