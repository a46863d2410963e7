#include <fcntl.h>
#include <sys/stat.h>

#include "init/guest.h"

namespace stead::test {
namespace {

plan::UnitInput writer(const std::string& script) {
    plan::UnitInput unit = service("app", {"/bin/sh", "-c", script});
    unit.policy.restart = RestartPolicy::No;
    unit.exec.error_follows_output = false;
    return unit;
}

std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> part{};
    for (;;) {
        const ssize_t size = ::read(fd, part.data(), part.size());
        if (size <= 0) return text;
        text.append(part.data(), static_cast<std::size_t>(size));
    }
}

/// Where standard error goes in the tests that look at it apart; set before a guest starts.
std::string error_path; // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void split_streams() {
    ::dup2(::open(error_path.c_str(), O_WRONLY | O_CLOEXEC), 2);
}

TEST(ForeignOutput, KeepsOutputAndErrorApart) {
    const TemporaryFolder folder;
    error_path = folder.path() / "error";
    ASSERT_EQ(::mkfifo(error_path.c_str(), 0600), 0);
    const sys::UniqueFd errors(::open(error_path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    Guest guest({write_plan(folder.path(), {writer("echo good; echo bad >&2; exec sleep 1000")})},
                {.before = split_streams});
    ASSERT_TRUE(guest.says("good\n")) << guest.said();
    std::string said;
    EXPECT_TRUE(eventually([&] {
        said += read_all(errors.get());
        return said.find("bad\n") != std::string::npos;
    })) << said;
    EXPECT_EQ(guest.said().find("bad"), std::string::npos);
    EXPECT_EQ(said.find("good"), std::string::npos);
}

TEST(ForeignOutput, KeepsTheOrderOfBothStreamsInOnePipe) {
    const TemporaryFolder folder;
    Guest guest({write_plan(folder.path(), {writer("for i in 1 2 3 4 5 6 7 8 9; do echo $i; "
                                                   "echo $i >&2; done; exec sleep 1000")})});
    EXPECT_TRUE(guest.says("1\n1\n2\n2\n3\n3\n4\n4\n5\n5\n6\n6\n7\n7\n8\n8\n9\n9\n"))
        << guest.said();
}

TEST(ForeignOutput, RemembersTheLastLines) {
    const TemporaryFolder folder;
    Guest guest(
        {write_plan(folder.path(), {writer("seq 1 20000; echo the last line; exec sleep 1000")})});
    ASSERT_TRUE(guest.says("the last line"));
    Control control = guest.control();
    const Answer answer = control.ask(wire::Kind::Logs, "app");
    ASSERT_EQ(answer.code, 0) << answer.text;
    ASSERT_TRUE(static_cast<bool>(answer.descriptor));
    const std::string lines = read_all(answer.descriptor.get());
    EXPECT_NE(lines.find("19999\n20000\nthe last line\n"), std::string::npos);
    EXPECT_EQ(lines.find("\n100\n"), std::string::npos) << "a small ring";
}

TEST(ForeignOutput, LosesNoByteToASlowReader) {
    const TemporaryFolder folder;
    plan::UnitInput unit = writer("seq 1 30000");
    unit.policy.essential = true;
    Guest guest({write_plan(folder.path(), {unit})});
    // Nobody reads meanwhile; then all of it is there, the last line of an ended unit as well.
    std::this_thread::sleep_for(300ms);
    ASSERT_TRUE(guest.wait().has_value());
    std::string expected;
    for (int i = 1; i <= 30000; ++i)
        expected += std::to_string(i) + "\n";
    EXPECT_NE(guest.said().find(expected), std::string::npos);
}

TEST(ForeignOutput, AStuckConsoleHoldsNobody) {
    const TemporaryFolder folder;
    Guest guest(
        {write_plan(folder.path(), {writer("exec yes"), service("other", {"sleep", "1000"})})});
    Control control = guest.control();
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(control.ask(wire::Kind::Status).units.size(), 2U);
    // It waits for the console, and does not turn in circles meanwhile.
    const auto ticks = [&] {
        std::ifstream stat("/proc/" + std::to_string(guest.pid()) + "/stat");
        std::string word;
        for (int i = 0; i < 14; ++i)
            stat >> word;
        return std::stol("0" + word);
    };
    const long before = ticks();
    std::this_thread::sleep_for(300ms);
    EXPECT_LT(ticks() - before, 10);
    guest.signal(SIGTERM);
    std::this_thread::sleep_for(300ms);
    EXPECT_TRUE(guest.wait(5s).has_value());
}

TEST(ForeignOutput, AUnitHearsThatNobodyReads) {
    const TemporaryFolder folder;
    plan::UnitInput unit = writer("exec yes");
    unit.policy.essential = true;
    // A console whose reader is gone.
    Guest guest({write_plan(folder.path(), {unit})}, {.before = [] {
                    std::array<int, 2> ends{};
                    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
                    ::dup2(ends[1], 1);
                    ::close(ends[0]);
                    ::close(ends[1]);
                }});
    EXPECT_EQ(guest.wait(5s), 128 + SIGPIPE);
}

} // namespace
} // namespace stead::test
