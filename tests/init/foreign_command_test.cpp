#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

#include "init/guest.h"

namespace stead::test {
namespace {

class ForeignCommand : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        if (GetParam() && ::geteuid() != 0) GTEST_SKIP() << "needs root for a pid namespace";
    }

    [[nodiscard]] StartOptions options() const { return {.namespaced = GetParam()}; }
};

INSTANTIATE_TEST_SUITE_P(, ForeignCommand, ::testing::Bool(), [](const auto& instance) {
    return instance.param ? "AsPidOne" : "AsSubreaper";
});

TEST_P(ForeignCommand, ReturnsEveryExitCodeUnchanged) {
    for (int code = 0; code < 256; ++code) {
        Guest guest({"--", kMisbehave, "exit", std::to_string(code)}, options());
        ASSERT_EQ(guest.wait(), code) << guest.said();
    }
}

TEST_P(ForeignCommand, ReturnsASignalAsOneHundredTwentyEightAndMore) {
    // Every one whose default is the end, real-time signals among them (34 to 64).
    for (int signal = 1; signal <= 64; ++signal) {
        const std::array harmless = {SIGCHLD, SIGCONT, SIGSTOP,  SIGTSTP, SIGTTIN,
                                     SIGTTOU, SIGURG,  SIGWINCH, 32,      33};
        if (std::find(harmless.begin(), harmless.end(), signal) != harmless.end()) continue;
        Guest guest({"--", kMisbehave, "raise", std::to_string(signal)}, options());
        ASSERT_EQ(guest.wait(), 128 + signal) << guest.said();
    }
}

TEST_P(ForeignCommand, TellsAMissingProgramFromOneThatCannotRun) {
    Guest missing({"--", "/no/such/program"}, options());
    EXPECT_EQ(missing.wait(), 127);
    Guest unfound({"--", "no-such-program-anywhere"}, options());
    EXPECT_EQ(unfound.wait(), 127);
    Guest unusable({"--", "/etc/passwd"}, options());
    EXPECT_EQ(unusable.wait(), 126);
}

TEST_P(ForeignCommand, StartsTheProgramWithCleanDescriptorsAndSignals) {
    StartOptions dirty = options();
    dirty.before = [] {
        ::dup2(1, 37);
        ::dup2(0, 5);
        sigset_t all;
        sigfillset(&all);
        // The child has one thread.
        sigprocmask(SIG_SETMASK, &all, nullptr); // NOLINT(concurrency-mt-unsafe)
        std::signal(SIGPIPE, SIG_IGN);
        std::signal(SIGCHLD, SIG_IGN);
        std::signal(SIGINT, SIG_IGN);
    };
    dirty.environment = {"INHERITED=yes", "NOTIFY_SOCKET=/host/notify", "LISTEN_FDS=2"};
    Guest guest({"--", kMisbehave, "facts"}, dirty);
    ASSERT_EQ(guest.wait(), 0);
    const std::string facts = guest.said();
    EXPECT_NE(facts.find("fds: 0 1 2\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("SigBlk:\t0000000000000000\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("SigIgn:\t0000000000000000\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("leads session: 1\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("INHERITED=yes\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("NOTIFY_SOCKET=(none)\n"), std::string::npos) << facts;
    EXPECT_NE(facts.find("LISTEN_FDS=(none)\n"), std::string::npos) << facts;
}

TEST_P(ForeignCommand, RunsWithClosedStandardDescriptors) {
    StartOptions closed = options();
    closed.before = [] {
        ::dup2(1, 40);
        ::close(0);
        ::close(1);
        ::close(2);
    };
    Guest guest({"--", kMisbehave, "exit", "6"}, closed);
    EXPECT_EQ(guest.wait(), 6);
}

TEST_P(ForeignCommand, EndsSoonAfterTheLastDeath) {
    Guest guest({"--", "/bin/sh", "-c", "sleep 0.3; date +%s%N"}, options());
    ASSERT_EQ(guest.wait(), 0);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const std::string said = guest.said();
    const auto ended = std::chrono::nanoseconds(std::stoll(said.substr(0, said.find('\n'))));
    // 50 ms are the promise; the rest is the machine's and the test's own way of looking.
    EXPECT_LT(now - ended, 250ms);
}

TEST_P(ForeignCommand, BadUsageIsExplainedAndRunsNothing) {
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--no-such-option"},
                                                  {"--"},
                                                  {"--stop-timeout", "9"},
                                                  {"--stop-timeout=never", "--", "true"},
                                                  {"--stop-timeout"},
                                                  {"/tmp", "no-folder"}}) {
        Guest guest(wrong, options());
        EXPECT_EQ(guest.wait(), 2) << wrong[0];
        EXPECT_NE(guest.said().find("stead-init: "), std::string::npos);
    }
}

TEST_P(ForeignCommand, HelpAndVersionEndWithZero) {
    Guest help({"--help"}, options());
    EXPECT_EQ(help.wait(), 0);
    EXPECT_NE(help.said().find("Usage: stead-init"), std::string::npos);
    Guest version({"--version"}, options());
    EXPECT_EQ(version.wait(), 0);
    EXPECT_NE(version.said().find("stead-init "), std::string::npos);
}

TEST_P(ForeignCommand, AFirstArgumentThatIsNoFolderIsTheCommand) {
    Guest guest({"/bin/sh", "-c", "exit 9"}, options());
    EXPECT_EQ(guest.wait(), 9);
}

TEST_P(ForeignCommand, WorksForAnyUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
    StartOptions other = options();
    other.before = [] {
        (void)!::setgroups(0, nullptr);
        (void)!::setgid(12345);
        (void)!::setuid(12345);
    };
    Guest guest({"--", "/bin/sh", "-c", "id -u; exit 4"}, other);
    EXPECT_EQ(guest.wait(), 4) << guest.said();
    EXPECT_NE(guest.said().find("12345\n"), std::string::npos) << guest.said();
}

TEST(ForeignPidOne, RunsOnAReadOnlyRootWithNothingWritable) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for namespaces";
    StartOptions options{.namespaced = true};
    options.before = [] {
        ::mount("/", "/", nullptr, MS_BIND | MS_REC, nullptr);
        // Every mount below goes read-only with it, /run, /tmp and /dev/shm among them.
        struct {
            std::uint64_t set = 1; // MOUNT_ATTR_RDONLY
            std::uint64_t clear = 0;
            std::uint64_t propagation = 0;
            std::uint64_t users = 0;
        } attributes;
        ::syscall(442 /* mount_setattr */, AT_FDCWD, "/", 0x8000, &attributes, sizeof attributes);
    };
    Guest guest({"--", "/bin/sh", "-c", "touch /root-is-writable || exit 3"}, options);
    EXPECT_EQ(guest.wait(), 3) << guest.said();
    EXPECT_NE(guest.said().find("no control socket"), std::string::npos) << guest.said();
}

} // namespace
} // namespace stead::test
