#include <unistd.h>

#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "system/harness.h"

/// What a guest must leave to the machine it runs on.
namespace stead::system_test {
namespace {

class OfTheMachine : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        if (::access("/usr/bin/strace", X_OK) != 0) GTEST_SKIP() << "needs strace";
        trace();
    }

    /// What each process of a guest's whole life asked of the kernel, as far as `calls_` go: a
    /// guest with a watchdog, a timeout and a timer, which its essential unit ends.
    void trace() {
        host_.write("units/main.toml", "command = [\"sleep\", \"1\"]\nessential = true\n");
        host_.write("units/watched.toml",
                    "command = [\"sleep\", \"infinity\"]\n[watchdog]\ninterval = \"1m\"\n");
        host_.write("units/hourly.toml", "command = \"true\"\n[timer]\nevery = \"1h\"\n");
        const std::string file =
            host_.write("web.toml", "root = \"host\"\nephemeral = true\nunits = [\"" +
                                        host_.folder() + "/units\"]\n");
        const std::string out = host_.folder() + "/trace";
        Words words{"/usr/bin/strace",
                    "-f",
                    "-qq",
                    "-o",
                    out,
                    "-e",
                    "trace=sync,syncfs,clock_gettime,timerfd_create,execve,execveat"};
        for (const std::string& word : host_.command({"run", file}))
            words.push_back(word);
        const Outcome outcome = run_program(words);
        if (outcome.err.find("ptrace") != std::string::npos) GTEST_SKIP() << "needs ptrace(2)";
        ASSERT_EQ(outcome.code, 0) << outcome.err;
        calls_ = read_text(out);
    }

    /// The lines of PID 1 alone.
    [[nodiscard]] std::string of_init() const {
        std::istringstream lines(calls_);
        std::string init;
        std::string found;
        for (std::string line; std::getline(lines, line);) {
            const std::string pid = line.substr(0, line.find(' '));
            if (line.find("\"--boot\"") != std::string::npos) init = pid;
            if (pid == init) found += line + "\n";
        }
        return found;
    }

    Host host_;
    std::string calls_;
};

TEST_F(OfTheMachine, AGuestsEndSyncsNoDisk) {
    ASSERT_NE(of_init().find("--boot"), std::string::npos) << calls_;
    EXPECT_EQ(calls_.find(" sync("), std::string::npos) << calls_;
    EXPECT_EQ(calls_.find(" syncfs("), std::string::npos) << calls_;
}

/// CLOCK_MONOTONIC stands still while the machine sleeps (clock_gettime(2)), and so does what is
/// left of each timeout and watchdog. What the clock on the wall decides goes by CLOCK_REALTIME.
TEST_F(OfTheMachine, ATimeoutStandsStillWhileItSleeps) {
    const std::string init = of_init();
    EXPECT_NE(init.find("timerfd_create(CLOCK_MONOTONIC"), std::string::npos) << init;
    EXPECT_NE(init.find("clock_gettime(CLOCK_MONOTONIC"), std::string::npos) << init;
    std::istringstream lines(init);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("(CLOCK_") == std::string::npos) continue;
        EXPECT_TRUE(line.find("(CLOCK_MONOTONIC,") != std::string::npos ||
                    line.find("(CLOCK_REALTIME,") != std::string::npos)
            << line;
    }
}

} // namespace
} // namespace stead::system_test
