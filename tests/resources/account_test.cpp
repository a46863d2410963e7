#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include <gtest/gtest.h>

#include "resources/account.h"
#include "resources/fake_tree.h"

namespace stead::resources {

namespace {

void fill(const test::FakeTree& tree) {
    tree.level("memory.max", "2097152");
    tree.level("memory.current", "1048576");
    tree.level("memory.peak", "2097152");
    tree.level("memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0");
    tree.level("memory.pressure",
               "some avg10=31.50 avg60=20.00 avg300=1.00 total=5\nfull avg10=2.00 avg60=0.00 "
               "avg300=0.00 total=3");
    tree.level("cpu.max", "50000 100000");
    tree.level("cpu.stat",
               "usage_usec 2500000\nuser_usec 1\nsystem_usec 1\nnr_periods 100\nnr_throttled "
               "40\nthrottled_usec 1500000\nnr_bursts 0\nburst_usec 0");
    tree.level("pids.max", "10");
    tree.level("pids.current", "7");
    tree.level("pids.events", "max 3");
    tree.level("io.max", "");
    tree.level("io.stat", "8:0 rbytes=100 wbytes=50 rios=1 wios=1\n9:0 rbytes=1 wbytes=2");
}

const Account* find(const std::vector<Account>& lines, std::string_view key) {
    const auto found = std::find_if(lines.begin(), lines.end(),
                                    [&](const Account& line) { return line.level->key == key; });
    return found == lines.end() ? nullptr : &*found;
}

bool says(const std::vector<std::string>& sentences, std::string_view what) {
    return std::any_of(sentences.begin(), sentences.end(),
                       [&](const std::string& one) { return one.find(what) != std::string::npos; });
}

/// A process that opens files when it is told to.
class FileHolder {
public:
    explicit FileHolder(rlim_t most) {
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) < 0) std::abort();
        pid_ = ::fork();
        if (pid_ == 0) hold(most);
        ::close(ends_[1]);
    }

    ~FileHolder() {
        (void)::kill(pid_, SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
        ::close(ends_[0]);
    }

    FileHolder(const FileHolder&) = delete;
    FileHolder& operator=(const FileHolder&) = delete;
    FileHolder(FileHolder&&) = delete;
    FileHolder& operator=(FileHolder&&) = delete;

    /// Until it has so many, those that it was born with among them.
    void open_up_to(int count) const {
        (void)!::write(ends_[0], &count, sizeof count);
        (void)!::read(ends_[0], &count, sizeof count);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    [[noreturn]] void hold(rlim_t most) const {
        const int told = 3;
        (void)::dup2(ends_[1], told);
        for (int other = told + 1; other < 1024; ++other)
            ::close(other);
        const rlimit limit{most, most};
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
        int count = 0;
        while (::read(told, &count, sizeof count) > 0) {
            int last = told;
            while (last + 1 < count)
                last = ::dup2(told, last + 1);
            (void)!::write(told, &count, sizeof count);
        }
        ::_exit(0);
    }

    std::array<int, 2> ends_{};
    pid_t pid_ = 0;
};

} // namespace

TEST(Account, TellsHeldPeakLimitFailuresAndPressure) {
    const test::FakeTree tree;
    fill(tree);
    const auto lines = account(tree.guest());
    const Account* const memory = find(lines, "memory-max");
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(memory->held, 1048576);
    EXPECT_EQ(memory->peak, 2097152);
    EXPECT_EQ(memory->limit, "2097152");
    EXPECT_TRUE(memory->limited);
    EXPECT_EQ(memory->failures, 12);
    EXPECT_DOUBLE_EQ(memory->pressure.value_or(0), 31.5);
    ASSERT_NE(find(lines, "io-max"), nullptr);
    EXPECT_EQ(find(lines, "io-max")->held, 153);
    EXPECT_FALSE(find(lines, "io-max")->limited);
    EXPECT_EQ(find(lines, "cpu-max")->held, 2500000);
    // What this kernel does not have makes no line.
    EXPECT_EQ(find(lines, "cpu-idle"), nullptr);
}

TEST(Account, CountsFromTheLastReset) {
    const test::FakeTree tree;
    fill(tree);
    const Baseline since = take_baseline(tree.guest());
    EXPECT_EQ(find(account(tree.guest(), since), "pids-max")->failures, 0);
    // The peak of before says nothing about since then.
    EXPECT_EQ(find(account(tree.guest(), since), "memory-max")->peak, 1048576);
    tree.level("pids.events", "max 5");
    tree.level("memory.peak", "3000000");
    EXPECT_EQ(find(account(tree.guest(), since), "pids-max")->failures, 2);
    EXPECT_EQ(find(account(tree.guest(), since), "memory-max")->peak, 3000000);
}

TEST(Reasons, NameWhatHoldsAGuestUpASentenceEach) {
    const test::FakeTree tree;
    fill(tree);
    const auto sentences = slow_reasons(tree.guest());
    EXPECT_TRUE(says(sentences, "lost 2 processes to the OOM killer: memory-max is 2M"));
    EXPECT_TRUE(says(sentences, "used up cpu-max (50%) in 40 of 100 periods and stood still for "
                                "1.5 s"));
    EXPECT_TRUE(says(sentences, "was refused new processes 3 times: pids-max is 10"));
    EXPECT_TRUE(says(sentences, "waited for memory during 32 % of the last 10 s"));
    EXPECT_FALSE(says(sentences, "a disk"));
}

TEST(Reasons, NameTheLimitThatADiskIsWaitedForBehind) {
    const test::FakeTree tree;
    tree.level("io.max", "8:0 rbps=max wbps=5242880 riops=max wiops=max");
    tree.level("io.pressure", "some avg10=90.00 avg60=80.00 avg300=1.00 total=5");
    EXPECT_TRUE(says(slow_reasons(tree.guest()),
                     "waited for a disk during 90 % of the last 10 s (80 % of the last minute); "
                     "io-max is 8:0 rbps=max wbps=5242880 riops=max wiops=max"));
}

TEST(Reasons, NameAProcessThatHasAsManyFilesOpenAsItMay) {
    const FileHolder holder(40);
    const test::FakeTree tree;
    tree.level("cgroup.procs", std::to_string(holder.pid()));
    holder.open_up_to(39);
    EXPECT_TRUE(slow_reasons(tree.guest()).empty());
    holder.open_up_to(40);
    const auto sentences = slow_reasons(tree.guest());
    EXPECT_TRUE(says(sentences, ", " + std::to_string(holder.pid()) +
                                    ") with as many open files as nofile lets it have (40)"))
        << ::testing::PrintToString(sentences);
}

TEST(Reasons, AreNoneForWhatIsWell) {
    const test::FakeTree tree;
    EXPECT_TRUE(slow_reasons(tree.guest()).empty());
    tree.level("cgroup.freeze", "1");
    EXPECT_TRUE(says(slow_reasons(tree.guest()), "is frozen"));
}

} // namespace stead::resources
