#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <regex>

#include <gtest/gtest.h>

#include "system/harness.h"

namespace stead::system_test {
namespace {

class Jail : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    [[nodiscard]] Outcome jail(const Words& words, const std::string& input = {}) const {
        Words all{"jail"};
        all.insert(all.end(), words.begin(), words.end());
        return host_.stead(all, input);
    }

    /// The value of a line "KEY:\tvalue" of the jailed program's own status.
    [[nodiscard]] std::string status(const std::string& key, Words options = {}) const {
        for (const char* word : {"--", "cat", "/proc/self/status"})
            options.emplace_back(word);
        const Outcome outcome = jail(options);
        std::smatch match;
        const std::regex line(key + ":\\s*(.*)");
        return std::regex_search(outcome.out, match, line) ? match[1].str() : outcome.err;
    }

    Host host_;
};

TEST_F(Jail, ReturnsTheProgramsExitCode) {
    for (const int code : {0, 1, 2, 41, 125, 255}) {
        const Outcome outcome = jail({"--", "sh", "-c", "exit " + std::to_string(code)});
        EXPECT_EQ(outcome.code, code) << outcome.err;
    }
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Jail, ReturnsASignalAs128AndItsNumber) {
    for (const int signal : {SIGKILL, SIGTERM, SIGSEGV, SIGUSR1}) {
        const Outcome outcome =
            jail({"--", "sh", "-c", "kill -" + std::to_string(signal) + " $$; sleep 5"});
        EXPECT_EQ(outcome.code, 128 + signal) << outcome.err;
    }
}

TEST_F(Jail, SaysThatAProgramIsMissingAndReturns127) {
    const Outcome outcome = jail({"--", "/usr/bin/there-is-no-such-program"});
    EXPECT_EQ(outcome.code, 127) << outcome.err;
    EXPECT_NE(outcome.err.find("there-is-no-such-program"), std::string::npos) << outcome.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Jail, SaysThatAProgramCannotBeExecutedAndReturns126) {
    const Outcome outcome = jail({"--", "/etc/passwd"});
    EXPECT_EQ(outcome.code, 126) << outcome.err;
    EXPECT_NE(outcome.err.find("/etc/passwd"), std::string::npos) << outcome.err;
}

TEST_F(Jail, PassesStandardInputThroughWhole) {
    std::string megabyte;
    for (int i = 0; megabyte.size() < 1'000'000; ++i)
        megabyte += std::to_string(i) + "\n";
    const Outcome outcome = jail({"--", "cat"}, megabyte);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out.size(), megabyte.size());
    EXPECT_TRUE(outcome.out == megabyte);
}

TEST_F(Jail, EndsItsInputWhereOursEnds) {
    const Outcome outcome = jail({"--", "sh", "-c", "wc -c"}, "12345");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "5\n");
}

TEST_F(Jail, KeepsOutputAndErrorApart) {
    const Outcome outcome = jail({"--", "sh", "-c", "echo one; echo two >&2"});
    EXPECT_EQ(outcome.out, "one\n");
    EXPECT_EQ(outcome.err, "two\n");
}

TEST_F(Jail, PassesBytesThatAreNoText) {
    const Outcome outcome = jail({"--", "printf", "a\\000\\377\\033[31m"});
    EXPECT_EQ(outcome.out, std::string("a\0\xff\x1b[31m", 8));
}

TEST_F(Jail, PassesArgumentsByteForByte) {
    const Words words{"%s",
                      "%",
                      "%%",
                      "%n",
                      "%i",
                      "a%",
                      "$HOME",
                      "${HOME}",
                      "${",
                      "$${X}",
                      "$$",
                      "",
                      " ",
                      "  a  b ",
                      "new\nline",
                      "tab\t",
                      "\\n\\",
                      "\"quoted\"",
                      "'",
                      "*",
                      "~",
                      ";ls",
                      "`id`",
                      "$(id)",
                      "-x",
                      "--",
                      "#no",
                      "[x]",
                      "\x01\x7f",
                      "\xc3\xbc \xe2\x9c\x93",
                      "\xff",
                      "\xe9t\xe9 %s",
                      std::string(5000, 'x')};
    Words command{"--", "printf", "[%s]"};
    std::string expected;
    for (const std::string& word : words) {
        command.push_back(word);
        expected += "[" + word + "]";
    }
    const Outcome outcome = jail(command);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, expected);
    EXPECT_EQ(jail({"--", "printf", "%s-%d%%\n", "x", "5"}).out, "x-5%\n");
}

TEST_F(Jail, PassesVariablesByteForByte) {
    const Outcome outcome = jail({"--env", "A=%n ${B} $ \"'\\\n%", "--env", "B=\xff", "--env",
                                  "C=", "--", "sh", "-c", "printf '[%s]' \"$A\" \"$B\" \"$C\""});
    EXPECT_EQ(outcome.out, "[%n ${B} $ \"'\\\n%][\xff][]") << outcome.err;
}

TEST_F(Jail, PrintsNoFileThatWouldBeAnother) {
    const Outcome outcome = jail({"--print", "--", "cat", "\xff"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find("UTF-8"), std::string::npos) << outcome.err;
}

TEST_F(Jail, IsNeverRootAndHoldsNoCapability) {
    const Outcome outcome = jail({"--", "id", "-u"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out, "0\n");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
        EXPECT_EQ(status(set), "0000000000000000") << set;
    EXPECT_EQ(status("NoNewPrivs"), "1");
    EXPECT_EQ(status("Seccomp"), "2");
}

TEST_F(Jail, KeepsTheCapabilityThatIsNamed) {
    EXPECT_EQ(status("CapEff", {"--capability", "NET_BIND_SERVICE"}), "0000000000000400");
    EXPECT_EQ(status("CapBnd", {"--capability", "NET_BIND_SERVICE"}), "0000000000000400");
}

TEST_F(Jail, SeesTheHostsProgramsAndNothingElse) {
    const Outcome outcome = jail({"--", "ls", "/"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("usr"), std::string::npos);
    for (const char* folder : {"srv", "boot", "opt", "sys", "media", "mnt"})
        EXPECT_EQ(outcome.out.find(std::string(folder) + "\n"), std::string::npos) << folder;
    // Some programs want these to be there.
    EXPECT_EQ(jail({"--", "sh", "-c", "ls -A /home /root 2>&1 | grep -v :$; true"}).out, "\n");
}

TEST_F(Jail, CannotReadTheHostsSecretsOrWriteAnything) {
    EXPECT_EQ(jail({"--", "sh", "-c", "cat /etc/shadow | wc -c"}).out, "0\n");
    EXPECT_NE(jail({"--", "touch", "/usr/x"}).code, 0);
    EXPECT_NE(jail({"--", "touch", "/etc/x"}).code, 0);
    EXPECT_NE(jail({"--", "touch", "/x"}).code, 0);
    // A name that nobody else on the machine uses.
    const std::string mine = "/tmp/" + std::filesystem::path(host_.folder()).filename().string();
    EXPECT_EQ(jail({"--", "touch", mine}).code, 0);
    EXPECT_FALSE(std::filesystem::exists("/etc/x"));
    EXPECT_FALSE(std::filesystem::exists(mine));
}

TEST_F(Jail, SeesNoProcessButItsOwn) {
    const Outcome outcome = jail({"--", "sh", "-c", "ls -d /proc/[0-9]* | wc -l"});
    EXPECT_LE(std::stoi("0" + outcome.out), 4) << outcome.out;
}

TEST_F(Jail, HasALoopbackOfItsOwnAndNoOtherInterface) {
    const Outcome outcome = jail({"--", "sh", "-c", "tail -n +3 /proc/net/dev | wc -l"});
    EXPECT_EQ(outcome.out, "1\n") << outcome.err;
    const Outcome hosts = jail({"--network", "host", "--", "cat", "/proc/net/dev"});
    EXPECT_EQ(std::count(hosts.out.begin(), hosts.out.end(), '\n'), [] {
        const auto t = read_text("/proc/net/dev");
        return std::count(t.begin(), t.end(), '\n');
    }());
}

TEST_F(Jail, InheritsNoDescriptor) {
    // Leaking it is the point. NOLINTNEXTLINE(android-cloexec-open)
    const int leak = ::open("/etc", O_RDONLY | O_DIRECTORY);
    ASSERT_GE(leak, 0);
    const int high = ::fcntl(leak, F_DUPFD, 200);
    // The one beyond 2 is that of the listing itself.
    const Outcome outcome = jail({"--", "sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"});
    ::close(leak);
    ::close(high);
    EXPECT_EQ(outcome.out, "0 1 2 3 ") << outcome.err;
}

TEST_F(Jail, TakesEnvironmentFolderAndUser) {
    const Outcome outcome = jail({"--env", "GREETING=hello world", "--cwd", "/tmp", "--user",
                                  "nobody", "--", "sh", "-c", "echo $GREETING $(pwd) $(id -un)"});
    EXPECT_EQ(outcome.out, "hello world /tmp nobody\n") << outcome.err;
}

TEST_F(Jail, DoesNotPassOurEnvironmentOn) {
    // NOLINTBEGIN(concurrency-mt-unsafe): tests have one thread here.
    ::setenv("SECRET_OF_THE_CALLER", "1", 1);
    const Outcome outcome = jail({"--", "env"});
    ::unsetenv("SECRET_OF_THE_CALLER");
    // NOLINTEND(concurrency-mt-unsafe)
    EXPECT_EQ(outcome.out.find("SECRET_OF_THE_CALLER"), std::string::npos) << outcome.out;
}

TEST_F(Jail, BindsAFolderReadOnlyOrWritable) {
    const std::string file = host_.write("data/file", "content\n");
    const std::string folder = host_.folder() + "/data";
    ::chmod(folder.c_str(), 0777);
    EXPECT_EQ(jail({"--bind", folder + ":/data:ro", "--", "cat", "/data/file"}).out, "content\n");
    EXPECT_NE(jail({"--bind", folder + ":/data:ro", "--", "touch", "/data/new"}).code, 0);
    EXPECT_FALSE(std::filesystem::exists(folder + "/new"));
    const Outcome written = jail({"--bind", folder + ":/data", "--", "touch", "/data/new"});
    EXPECT_EQ(written.code, 0) << written.err;
    EXPECT_TRUE(std::filesystem::exists(folder + "/new"));
}

TEST_F(Jail, WritesTheGuestFileItStandsFor) {
    const Words options{"--network", "host", "--listen", "tcp:127.0.0.1:6379", "--user", "nobody"};
    Words print = options;
    for (const char* word : {"--print", "--", "sh", "-c", "exit 3"})
        print.emplace_back(word);
    const Outcome printed = jail(print);
    ASSERT_EQ(printed.code, 0) << printed.err;
    const std::string file = host_.write("printed.toml", printed.out);
    EXPECT_EQ(host_.stead({"check", file}).code, 0) << host_.stead({"check", file}).out;
    EXPECT_EQ(host_.stead({"run", file}).code, 3);
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Jail, TakesAnyKeyOfAGuestFile) {
    const Outcome outcome = jail(
        {"-o", "hostname=box", "-o", "limits.nofile=77", "--", "sh", "-c", "hostname; ulimit -n"});
    EXPECT_EQ(outcome.out, "box\n77\n") << outcome.err;
}

TEST_F(Jail, ListensWhereItMayAndNowhereElse) {
    const auto serve = [&](const std::string& address) {
        return jail({"--listen", "tcp:127.0.0.1:47113", "--", "timeout", "1", "busybox", "httpd",
                     "-f", "-p", address});
    };
    // 124: it served until its time was up.
    EXPECT_EQ(serve("127.0.0.1:47113").code, 124);
    EXPECT_EQ(serve("127.0.0.1:47114").code, 1);
    EXPECT_EQ(serve("127.0.0.2:47113").code, 1);
    EXPECT_EQ(serve("0.0.0.0:47113").code, 1);
}

TEST_F(Jail, MayRunTwiceAtOnceUnderTwoNames) {
    Background first(host_.command({"jail", "--name", "one", "--", "sleep", "2"}),
                     host_.folder() + "/one");
    Background second(host_.command({"jail", "--name", "two", "--", "sleep", "2"}),
                      host_.folder() + "/two");
    EXPECT_EQ(first.wait(), 0) << first.output();
    EXPECT_EQ(second.wait(), 0) << second.output();
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Jail, MayNotRunTwiceUnderOneName) {
    Background first(host_.command({"jail", "--name", "one", "--", "sleep", "3"}),
                     host_.folder() + "/one");
    ASSERT_TRUE(eventually(
        [&] { return std::filesystem::exists(host_.folder() + "/run/guests/one/state.json"); }));
    const Outcome second = jail({"--name", "one", "--", "true"});
    EXPECT_EQ(second.code, 1) << second.err;
    EXPECT_NE(second.err.find("running"), std::string::npos) << second.err;
    EXPECT_EQ(first.wait(), 0) << first.output();
}

TEST_F(Jail, HasATerminalOfItsOwnOnATerminal) {
    // script(1) gives the command a terminal.
    const std::string command = STEAD_BIN
        "/stead jail -- sh -c 'test -t 0 && test -t 1 && stty size && echo on-a-terminal'";
    const Outcome outcome =
        run_program({"script", "-qec", "stty rows 33 cols 77; " + command, "/dev/null"});
    if (outcome.code == 127) GTEST_SKIP() << "needs script(1)";
    EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
    EXPECT_NE(outcome.out.find("33 77"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("on-a-terminal"), std::string::npos) << outcome.out;
}

} // namespace
} // namespace stead::system_test
