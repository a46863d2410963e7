#include <csignal>

#include "init/guest.h"

namespace stead::test {
namespace {

using wire::Kind;
using wire::Tag;

struct Fixture {
    TemporaryFolder folder;
    Guest guest{{write_plan(folder.path(), {service("web", {"sleep", "1000"})})}};

    /// Asks for a command whose output comes back through a pipe.
    Answer run(Control& control, const std::vector<std::string>& argv, std::string& output) {
        std::vector<std::byte> buffer(wire::kMaxMessage);
        wire::Writer message(buffer, Kind::Exec);
        for (const std::string& argument : argv)
            message.text(Tag::Argv, argument);
        message.text(Tag::Environment, "INHERITED=from-client").text(Tag::Directory, "/usr");
        auto pipe = sys::make_pipe();
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        const std::array<int, 3> streams = {null, pipe->write.get(), pipe->write.get()};
        EXPECT_TRUE(control.send(message, streams));
        pipe->write.reset();
        ::close(null);
        Answer answer = control.receive();
        std::array<char, 4096> text{};
        for (;;) {
            const ssize_t size = ::read(pipe->read.get(), text.data(), text.size());
            if (size <= 0) break;
            output.append(text.data(), static_cast<std::size_t>(size));
        }
        return answer;
    }
};

TEST(Exec, RunsACommandAndReturnsItsCode) {
    Fixture f;
    Control control = f.guest.control();
    std::string output;
    const Answer answer =
        f.run(control, {"/bin/sh", "-c", "pwd; echo $INHERITED; exit 42"}, output);
    EXPECT_EQ(answer.code, 0) << answer.text;
    EXPECT_EQ(answer.exit_code, 42);
    EXPECT_EQ(output, "/usr\nfrom-client\n");
    EXPECT_EQ(answer.kinds, (std::vector<Kind>{Kind::Started, Kind::Ended, Kind::End}));
}

TEST(Exec, TellsMissingFromUnusablePrograms) {
    Fixture f;
    Control control = f.guest.control();
    std::string output;
    EXPECT_EQ(f.run(control, {"/no/such"}, output).code, 127);
    EXPECT_EQ(f.run(control, {"/etc/passwd"}, output).code, 126);
    EXPECT_EQ(f.run(control, {"/bin/true"}, output).exit_code, 0) << "the connection goes on";
}

TEST(Exec, RefusesWhatCannotBeACommand) {
    Fixture f;
    Control control = f.guest.control();
    std::string output;
    EXPECT_EQ(f.run(control, {}, output).code, 2);
    EXPECT_EQ(f.run(control, {std::string("a\0b", 3)}, output).code, 2);
    std::vector<std::byte> buffer(4096);
    wire::Writer without(buffer, Kind::Exec);
    without.text(Tag::Argv, "/bin/true");
    ASSERT_TRUE(control.send(without));
    EXPECT_EQ(control.receive().code, 2) << "no descriptors came along";
    wire::Writer wild(buffer, Kind::Exec);
    wild.text(Tag::Argv, "/bin/true").number(Tag::Uid, -5);
    ASSERT_TRUE(control.send(wild));
    EXPECT_EQ(control.receive().code, 2);
}

TEST(Exec, EndsWithItsClient) {
    Fixture f;
    std::int64_t pid = 0;
    {
        Control control = f.guest.control();
        std::vector<std::byte> buffer(4096);
        wire::Writer message(buffer, Kind::Exec);
        message.text(Tag::Argv, "/bin/sleep").text(Tag::Argv, "1000");
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        const std::array<int, 3> streams = {null, null, null};
        ASSERT_TRUE(control.send(message, streams));
        ::close(null);
        auto record = sys::receive(control.fd(), buffer);
        while (!record) {
            std::this_thread::sleep_for(5ms);
            record = sys::receive(control.fd(), buffer);
        }
        const auto started = wire::Reader::open(std::span(buffer).first(record->size));
        ASSERT_TRUE(started && started->kind() == Kind::Started);
        pid = started->number(Tag::Pid);
        ASSERT_EQ(::kill(static_cast<pid_t>(pid), 0), 0);
    }
    EXPECT_TRUE(eventually([&] { return ::kill(static_cast<pid_t>(pid), 0) != 0; }));
}

TEST(Exec, GivesATerminalWhoseShellHasJobControl) {
    Fixture f;
    Control control = f.guest.control();
    std::vector<std::byte> buffer(4096);
    wire::Writer message(buffer, Kind::Exec);
    message.text(Tag::Argv, kMisbehave)
        .text(Tag::Argv, "facts")
        .number(Tag::Flags, wire::kTerminal)
        .number(Tag::Rows, 33)
        .number(Tag::Columns, 77);
    ASSERT_TRUE(control.send(message));
    Answer answer = control.receive();
    if (answer.code == 2) GTEST_SKIP() << "needs a /dev/ptmx: " << answer.text;
    EXPECT_EQ(answer.exit_code, 0);
    ASSERT_TRUE(static_cast<bool>(answer.descriptor));
    std::string output;
    std::array<char, 4096> text{};
    for (;;) {
        const ssize_t size = ::read(answer.descriptor.get(), text.data(), text.size());
        if (size <= 0) break;
        output.append(text.data(), static_cast<std::size_t>(size));
    }
    EXPECT_NE(output.find("terminal: 1"), std::string::npos) << output;
    EXPECT_NE(output.find("foreground: 1"), std::string::npos) << output;
    EXPECT_NE(output.find("fds: 0 1 2\r\n"), std::string::npos) << output;
}

} // namespace
} // namespace stead::test
