#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "sys/process.h"

namespace stead::sys {
namespace {

/// A child that ends with `code`, or waits for a signal if it is negative.
Process child(int code) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (code >= 0) ::_exit(code);
        for (;;)
            ::pause();
    }
    auto process = open_process(pid);
    EXPECT_TRUE(process);
    return *std::move(process);
}

/// Sleeps in the kernel until `process` has ended; a pidfd becomes readable then.
void wait_for_end(const Process& process) {
    pollfd poll{process.pidfd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&poll, 1, 10'000), 1);
}

TEST(Process, IsReapedOnceWithItsExitCode) {
    const Process process = child(7);
    wait_for_end(process);
    const auto status = try_reap(process);
    ASSERT_TRUE(status && *status);
    EXPECT_EQ(**status, ExitStatus::exited(7));
    EXPECT_EQ(try_reap(process).error().code, ECHILD);
}

TEST(Process, IsNotReapedWhileItRuns) {
    const Process process = child(-1);
    const auto status = try_reap(process);
    ASSERT_TRUE(status);
    EXPECT_FALSE(*status);
    ASSERT_TRUE(send_signal(process, 0));
    ASSERT_TRUE(send_signal(process, SIGKILL));
    wait_for_end(process);
    EXPECT_EQ(**try_reap(process), ExitStatus::killed(SIGKILL));
    EXPECT_EQ(send_signal(process, 0).error().code, ESRCH);
}

TEST(Process, TellsASignalFromAnExitCode) {
    const Process process = child(-1);
    ASSERT_TRUE(send_signal(process, SIGTERM));
    wait_for_end(process);
    EXPECT_EQ(**try_reap(process), ExitStatus::killed(SIGTERM));
}

TEST(Process, StaysAZombieWhileItsEndIsBooked) {
    const Process process = child(3);
    wait_for_end(process);
    for (int look = 0; look < 2; ++look) {
        const auto ended = next_ended(/*keep=*/true);
        ASSERT_TRUE(ended && *ended);
        EXPECT_EQ((*ended)->pid, process.pid);
        EXPECT_EQ((*ended)->status, ExitStatus::exited(3));
    }
    ASSERT_TRUE(*next_ended(/*keep=*/false));
    const auto none = next_ended(/*keep=*/false);
    ASSERT_TRUE(none) << "no children at all is no failure";
    EXPECT_FALSE(*none);
}

TEST(Process, IsKnownByItsCgroupAlsoWhileItIsReaped) {
    {
        const Process process = child(0);
        wait_for_end(process);
        (void)try_reap(process);
        if (!facts_of(process.pidfd.get()).ended)
            GTEST_SKIP() << "needs a kernel that tells of reaped processes (6.15)";
    }
    for (int i = 0; i < 1000 && !HasFailure(); ++i) {
        const Process process = child(0);
        const std::uint64_t cgroup = facts_of(process.pidfd.get()).cgroup;
        std::thread reaper([&] {
            int status = 0;
            (void)::waitpid(process.pid, &status, 0);
        });
        ProcessFacts facts;
        while (!facts.ended) {
            facts = facts_of(process.pidfd.get());
            EXPECT_EQ(facts.cgroup, cgroup);
            if (HasFailure()) break;
        }
        reaper.join();
    }
}

TEST(Process, ThatDoesNotExistCannotBeOpened) {
    const auto process = open_process(0x3ffffff);
    ASSERT_FALSE(process);
    EXPECT_STREQ(process.error().operation, "pidfd_open");
    EXPECT_FALSE(open_process(-1));
}

} // namespace
} // namespace stead::sys
