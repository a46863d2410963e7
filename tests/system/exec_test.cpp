#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include <gtest/gtest.h>

#include "system/harness.h"
#include "system/terminal.h"

namespace stead::system_test {
namespace {

constexpr const char* kInterrupt = "\x03";

/// exec and enter in a running guest: `system`, with private users on the host's files, or `box`, a
/// jail from a file.
class Enter : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        NEED_GUESTS();
        const std::string kind = GetParam();
        if (kind == "system") {
            host_.write("units/sleeper.toml", "command = \"sleep infinity\"\n");
            file_ = host_.write("web.toml", "root = \"host\"\nephemeral = true\nunits = [\"" +
                                                host_.folder() + "/units\"]\n");
        } else {
            file_ = host_.write("web.toml", "profile = \"jail\"\n[unit.sleeper]\n"
                                            "command = \"sleep infinity\"\n");
        }
        running_ =
            std::make_unique<Background>(host_.command({"run", file_}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running_->output();
    }

    void TearDown() override {
        if (!running_) return;
        running_->signal(SIGTERM);
        EXPECT_EQ(running_->wait(), 0) << running_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    [[nodiscard]] Words exec(const Words& words) const {
        Words all = host_.command({"exec"});
        all.insert(all.end(), words.begin(), words.end());
        return all;
    }

    /// How many processes run in the guest beside PID 1 and the sleeper.
    [[nodiscard]] int others() const {
        const Outcome outcome =
            run_program(exec({"web", "-T", "--", "sh", "-c", "ls -d /proc/[0-9]* | wc -l"}));
        // PID 1, the sleeper, the shell, ls and wc; hidepid hides other users' processes.
        return std::stoi("0" + outcome.out);
    }

    Host host_;
    std::string file_;
    std::unique_ptr<Background> running_;
};

TEST_P(Enter, GivesATerminalOfTheGuestsOwn) {
    Terminal terminal(exec({"web", "--", "sh", "-c",
                            "tty; stty size; echo $TERM; : </dev/tty; "
                            ": <$(tty); exit 9"}),
                      31, 71);
    EXPECT_EQ(terminal.wait(), 9) << terminal.shown();
    EXPECT_EQ(terminal.shown(), "/dev/pts/0\r\n31 71\r\nvt100\r\n");
    EXPECT_TRUE(terminal.is_cooked());
}

TEST_P(Enter, ControlsJobsAndFollowsTheWindow) {
    Terminal terminal(exec({"web", "--", "bash", "--norc", "--noprofile"}));
    terminal.type("PS1='rea''dy> '\n");
    ASSERT_TRUE(terminal.sees("ready> ")) << terminal.shown();
    terminal.type("sh -c 'echo u\"\"p; exec sleep 1000'\n");
    ASSERT_TRUE(terminal.sees("up\r\n")) << terminal.shown();
    terminal.type("\x1a");
    EXPECT_TRUE(terminal.sees("Stopped")) << terminal.shown();
    terminal.type("kill %1; wait; echo do''ne\n");
    EXPECT_TRUE(terminal.sees("done\r\n")) << terminal.shown();
    terminal.resize(40, 100);
    terminal.type("stty size\n");
    EXPECT_TRUE(terminal.sees("40 100")) << terminal.shown();
    terminal.type("exit 4\n");
    EXPECT_EQ(terminal.wait(), 4);
    EXPECT_TRUE(terminal.is_cooked());
}

TEST_P(Enter, InterruptsByItsKeyAndGivesTheTerminalBack) {
    Terminal terminal(exec({"web", "--", "sh", "-c", "echo up; exec sleep 1000"}));
    ASSERT_TRUE(terminal.sees("up")) << terminal.shown();
    EXPECT_FALSE(terminal.is_cooked());
    terminal.type(kInterrupt);
    EXPECT_EQ(terminal.wait(), 130);
    EXPECT_TRUE(terminal.is_cooked());
}

TEST_P(Enter, PassesATerminationOnAndGivesTheTerminalBack) {
    Terminal terminal(exec({"web", "--", "sh", "-c", "echo up; exec sleep 1000"}));
    ASSERT_TRUE(terminal.sees("up")) << terminal.shown();
    terminal.signal(SIGTERM);
    EXPECT_EQ(terminal.wait(), 143);
    EXPECT_TRUE(terminal.is_cooked());
}

TEST_P(Enter, EndsTheCommandWhoseClientIsKilled) {
    const int before = others();
    {
        Terminal terminal(exec({"web", "--", "sh", "-c",
                                "trap '' HUP TERM; echo up; "
                                "while :; do sleep 0.1; done"}));
        ASSERT_TRUE(terminal.sees("up")) << terminal.shown();
        terminal.signal(SIGKILL);
        EXPECT_EQ(terminal.wait(), 1000 + SIGKILL);
    }
    Background piped(exec({"web", "-T", "--", "sh", "-c",
                           "trap '' HUP TERM; "
                           "while :; do sleep 0.1; done"}),
                     host_.folder() + "/piped");
    EXPECT_TRUE(eventually([&] { return others() > before; }));
    piped.signal(SIGKILL);
    EXPECT_EQ(piped.wait(), 1000 + SIGKILL);
    EXPECT_TRUE(eventually([&] { return others() == before; })) << others();
}

TEST_P(Enter, EndsWithTheWindow) {
    Terminal terminal(exec({"web", "--", "bash", "--norc", "--noprofile"}));
    terminal.type("echo u''p\n");
    ASSERT_TRUE(terminal.sees("up\r\n")) << terminal.shown();
    terminal.close();
    EXPECT_NE(terminal.wait(8s), -1);
}

TEST_P(Enter, MayBeToldToGiveNone) {
    Terminal terminal(exec({"-T", "web", "--", "sh", "-c", "tty; test -t 1 || echo none; exit 2"}));
    EXPECT_EQ(terminal.wait(), 2);
    EXPECT_EQ(terminal.shown(), "not a tty\r\nnone\r\n");
}

TEST_P(Enter, MayBeToldToGiveOneToAPipe) {
    const Outcome outcome = run_program(exec({"-t", "web", "--", "sh", "-c",
                                              "tty; read x; "
                                              "echo got $x"}),
                                        "line\n");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("/dev/pts/0"), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find("got line"), std::string::npos) << outcome.out;
}

TEST_P(Enter, EndsItsInputWhereOursEnds) {
    const Outcome outcome = run_program(exec({"web", "-T", "--", "wc", "-c"}), "12345");
    EXPECT_EQ(outcome.out, "5\n") << outcome.err;
    EXPECT_EQ(run_program(exec({"web", "--", "cat"})).out, "");
    const Outcome apart = run_program(exec({"web", "--", "sh", "-c", "echo 1; echo 2 >&2"}));
    EXPECT_EQ(apart.out, "1\n");
    EXPECT_EQ(apart.err, "2\n");
}

TEST_P(Enter, BringsAHundredMegabytesThroughBothWays) {
    const std::string zeros =
        "head -c " + std::to_string(times(100'000'000)) + " /dev/zero | tr '\\0' x | ";
    const Words pipe = {"bash", "-c",
                        "set -o pipefail; " + zeros +
                            STEAD_BIN "/stead exec web -T -- cat | sha256sum"};
    const Outcome direct = run_program({"bash", "-c", zeros + "sha256sum"});
    const Outcome through = run_program(pipe, {}, 100s);
    EXPECT_EQ(through.code, 0) << through.err;
    EXPECT_EQ(through.out, direct.out);
}

TEST_P(Enter, EndsWhenNobodyTakesItsOutput) {
    const Outcome outcome = run_program(
        {"bash", "-c", STEAD_BIN "/stead exec web -T -- sh -c 'yes; echo $? >&2' | head -1"});
    EXPECT_EQ(outcome.out, "y\n") << outcome.err;
    // SIGPIPE or EPIPE, as in a pipe without us.
    EXPECT_TRUE(outcome.err.find("141") != std::string::npos ||
                outcome.err.find("Broken pipe") != std::string::npos)
        << outcome.err;
}

TEST_P(Enter, TakesUserVariablesAndFolder) {
    const Outcome outcome =
        run_program(exec({"--user", "nobody", "--env", "A=x y", "--cwd", "/tmp", "web", "-T", "--",
                          "sh", "-c", "echo $(id -un) $A $(pwd)"}));
    if (std::string(GetParam()) == "system") {
        EXPECT_EQ(outcome.out, "nobody x y /tmp\n") << outcome.err;
        EXPECT_EQ(run_program(exec({"--user", "1234:77", "web", "--", "id", "-u"})).out, "1234\n");
        EXPECT_EQ(run_program(exec({"--user", "1234:77", "web", "--", "id", "-g"})).out, "77\n");
    }
}

TEST_P(Enter, SaysWhatItCannotDo) {
    const auto refuse = [&](const Words& words, int code, const std::string& said) {
        const Outcome outcome = run_program(exec(words));
        EXPECT_EQ(outcome.code, code) << outcome.err;
        EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
        EXPECT_EQ(outcome.out, "");
    };
    refuse({"--user", "no-such-user", "web", "--", "id"}, 125, "no-such-user");
    refuse({"--user", "", "web", "--", "id"}, 2, "empty");
    refuse({"--user", "4294967295", "web", "--", "id"}, 125, "4294967295");
    refuse({"--cwd", "/no/such/folder", "web", "--", "id"}, 125, "No such file");
    refuse({"--cwd", "relative", "web", "--", "id"}, 2, "absolute");
    refuse({"--env", "novalue", "web", "--", "id"}, 2, "NAME=VALUE");
    refuse({"web", "--", "no-such-program"}, 127, "no-such-program");
    refuse({"web", "--", "/etc/passwd"}, 126, "/etc/passwd");
    refuse({"web", "--", ""}, 127, "");
    refuse({"web"}, 2, "command");
    refuse({"nobody-knows", "--", "id"}, 125, "nobody-knows");
    refuse({"web/no-such-unit", "--", "id"}, 125, "no-such-unit");
    refuse({"-t", "-T", "web", "--", "id"}, 2, "exclude");
}

TEST_P(Enter, GivesALoginShell) {
    Terminal terminal(host_.command({"enter", "web"}));
    terminal.type("echo $0:$HOME:$(pwd):$USER:; exit 6\n");
    EXPECT_EQ(terminal.wait(), 6) << terminal.shown();
    if (std::string(GetParam()) == "system") {
        EXPECT_NE(terminal.shown().find("bash:/root:/root:root:\r\n"), std::string::npos)
            << terminal.shown();
    }
    EXPECT_TRUE(terminal.is_cooked());
}

INSTANTIATE_TEST_SUITE_P(Guests, Enter, ::testing::Values("system", "jail"), [](const auto& name) {
    return std::string(name.param);
});

} // namespace
} // namespace stead::system_test
