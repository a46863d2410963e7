#include <signal.h>

#include <gtest/gtest.h>

#include "system/harness.h"
#include "system/terminal.h"

namespace stead::system_test {
namespace {

constexpr const char* kInterrupt = "\x03";
constexpr const char* kEndOfFile = "\x04";
constexpr const char* kSuspend = "\x1a";
constexpr const char* kQuit = "\x1c";

/// `stead jail` by a person at a terminal.
class JailTerminal : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    void TearDown() override {
        EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
    }

    [[nodiscard]] Words jail(const Words& program) const {
        Words words = host_.command({"jail", "--name", "box", "--"});
        words.insert(words.end(), program.begin(), program.end());
        return words;
    }

    Host host_;
};

TEST_F(JailTerminal, IsOfTheJailsOwnAndHasAName) {
    Terminal terminal(jail({"sh", "-c",
                            "tty; stty size; ls -l $(tty); : </dev/tty && : >$(tty); "
                            "id -u; ls /dev/pts; echo done"}),
                      33, 77);
    EXPECT_EQ(terminal.wait(), 0);
    const std::string& shown = terminal.shown();
    EXPECT_EQ(shown.rfind("/dev/pts/0\r\n33 77\r\n", 0), 0U) << shown;
    EXPECT_EQ(shown.find("denied"), std::string::npos) << shown;
    EXPECT_NE(shown.find("done"), std::string::npos) << shown;
    EXPECT_TRUE(terminal.is_cooked());
}

TEST_F(JailTerminal, TellsItsProgramsWhatKindItIs) {
    Terminal terminal(jail({"sh", "-c", "echo $TERM"}));
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_EQ(terminal.shown(), "vt100\r\n");
    Words given = host_.command({"jail", "--env", "TERM=dumb", "--", "sh", "-c", "echo $TERM"});
    Terminal other(given);
    EXPECT_EQ(other.wait(), 0);
    EXPECT_EQ(other.shown(), "dumb\r\n");
}

TEST_F(JailTerminal, IsTheOnlyOneItsProgramsGet) {
    Terminal terminal(jail({"sh", "-c", "cat </dev/pts/ptmx; ls /dev/ptmx; true"}));
    EXPECT_EQ(terminal.wait(), 0);
    EXPECT_NE(terminal.shown().find("Permission denied"), std::string::npos) << terminal.shown();
    EXPECT_NE(terminal.shown().find("No such file"), std::string::npos) << terminal.shown();
}

TEST_F(JailTerminal, LetsAShellControlItsJobs) {
    Terminal terminal(jail({"bash", "--norc", "--noprofile"}));
    terminal.type("PS1='rea''dy> '\n");
    ASSERT_TRUE(terminal.sees("ready> ")) << terminal.shown();
    EXPECT_EQ(terminal.shown().find("no job control"), std::string::npos) << terminal.shown();
    terminal.type("sh -c 'echo u\"\"p; exec sleep 1000'\n");
    ASSERT_TRUE(terminal.sees("up\r\n")) << terminal.shown();
    terminal.type(kSuspend);
    EXPECT_TRUE(terminal.sees("Stopped")) << terminal.shown();
    EXPECT_TRUE(terminal.sees("ready> ")) << terminal.shown();
    terminal.type("fg\n");
    EXPECT_TRUE(terminal.sees("sleep 1000'\r\n")) << terminal.shown();
    // The shell says what it continues before it hands the terminal over: a key that comes in
    // between is the shell's own, and it takes no notice.
    bool back = false;
    for (int i = 0; i < 15 && !back; ++i) {
        terminal.type(kInterrupt);
        back = terminal.sees("ready> ", 1s);
    }
    EXPECT_TRUE(back) << terminal.shown();
    terminal.type("echo code=$?\n");
    EXPECT_TRUE(terminal.sees("code=130")) << terminal.shown();
    terminal.type("exit 41\n");
    EXPECT_EQ(terminal.wait(), 41) << terminal.shown();
    EXPECT_TRUE(terminal.is_cooked());
}

TEST_F(JailTerminal, FollowsTheWindowsSize) {
    Terminal terminal(jail({"bash", "-c",
                            "trap 'stty size; exit 3' WINCH; echo up; "
                            "while :; do sleep 0.05; done"}));
    ASSERT_TRUE(terminal.sees("up")) << terminal.shown();
    terminal.resize(41, 101);
    EXPECT_TRUE(terminal.sees("41 101")) << terminal.shown();
    EXPECT_EQ(terminal.wait(), 3);
}

TEST_F(JailTerminal, TurnsKeysIntoSignalsOfTheProgram) {
    for (const auto& [key, signal] : {std::pair{kInterrupt, SIGINT}, std::pair{kQuit, SIGQUIT}}) {
        Terminal terminal(jail({"sh", "-c", "echo up; exec sleep 1000"}));
        ASSERT_TRUE(terminal.sees("up")) << terminal.shown();
        terminal.type(key);
        EXPECT_EQ(terminal.wait(), 128 + signal) << terminal.shown();
        EXPECT_TRUE(terminal.is_cooked());
    }
}

TEST_F(JailTerminal, EndsTheInputByItsKey) {
    Terminal terminal(jail({"cat"}));
    terminal.type("hello\n");
    ASSERT_TRUE(terminal.sees("hello\r\nhello\r\n")) << terminal.shown();
    terminal.type(kEndOfFile);
    EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(JailTerminal, IsGivenBackWhenTheCommandIsTerminated) {
    Terminal terminal(jail({"sh", "-c", "echo up; exec sleep 1000"}));
    ASSERT_TRUE(terminal.sees("up")) << terminal.shown();
    EXPECT_TRUE(eventually([&] { return !terminal.is_cooked(); }));
    terminal.signal(SIGTERM);
    EXPECT_NE(terminal.wait(), -1) << terminal.shown();
    EXPECT_TRUE(terminal.is_cooked());
}

TEST_F(JailTerminal, EndsWithTheWindow) {
    Terminal terminal(jail({"bash", "--norc", "--noprofile"}));
    terminal.type("echo u''p\n");
    ASSERT_TRUE(terminal.sees("up\r\n")) << terminal.shown();
    terminal.close();
    EXPECT_NE(terminal.wait(8s), -1);
}

TEST_F(JailTerminal, BringsLargeOutputWhole) {
    Terminal terminal(jail({"sh", "-c", "stty -opost; seq 1 1000000; echo the-end"}));
    EXPECT_EQ(terminal.wait(60s), 0);
    const std::string& shown = terminal.shown();
    // 6888896 is what seq(1) writes.
    EXPECT_EQ(shown.size(), 6888896U + 8)
        << shown.substr(shown.size() > 99 ? shown.size() - 99 : 0);
    EXPECT_NE(shown.find("\n999999\n1000000\nthe-end"), std::string::npos);
}

TEST_F(JailTerminal, KeepsTheKilledCommandsJailFromStaying) {
    Terminal terminal(jail({"bash", "--norc", "--noprofile"}));
    terminal.type("echo u''p\n");
    ASSERT_TRUE(terminal.sees("up\r\n")) << terminal.shown();
    terminal.signal(SIGKILL);
    EXPECT_EQ(terminal.wait(), 1000 + SIGKILL);
    // The terminal hangs up, so the shell ends, and it was the essential unit.
    EXPECT_TRUE(eventually([&] {
        EXPECT_EQ(host_.stead({"cleanup", "box"}).code, 0);
        return host_.remains().empty();
    })) << host_.remains();
}

} // namespace
} // namespace stead::system_test
