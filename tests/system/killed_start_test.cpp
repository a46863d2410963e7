#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "system/harness.h"

namespace stead::system_test {
namespace {

/// Commands that start a guest are killed at random moments: before there is a process, while the
/// context is being built, before the guest's record is written, and after it runs.
class KilledStart : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        const char* given = std::getenv("STEAD_SEED"); // NOLINT(concurrency-mt-unsafe)
        seed_ = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                 : std::random_device{}();
        random_.seed(seed_);
    }

    /// Starts it once in peace, which copies programs to their place, and takes the time of it as
    /// the longest that a start lives here.
    void learn(const Words& words) {
        for (int i = 0; i < 2; ++i) {
            const auto start = std::chrono::steady_clock::now();
            ASSERT_EQ(host_.stead(words).code, 7);
            longest_ = std::chrono::steady_clock::now() - start;
        }
        ASSERT_EQ(host_.remains(), "");
    }

    [[nodiscard]] std::string seed() const { return "STEAD_SEED=" + std::to_string(seed_); }

    /// Starts `words` and kills the launcher, or the keeper that it has become.
    void start_and_kill(const Words& words) {
        Background starting(host_.command(words), host_.folder() + "/out");
        std::uniform_int_distribution<std::int64_t> moment(0, longest_.count());
        std::this_thread::sleep_for(std::chrono::nanoseconds(moment(random_)));
        starting.signal(SIGKILL);
        (void)starting.wait();
    }

    /// Who had come to run goes on without its keeper, and is told to stop.
    bool stop_if_it_runs() {
        if (host_.stead({"stop", "it"}).code != 0) return false;
        EXPECT_TRUE(eventually([&] { return host_.stead({"status", "it"}).code != 0; }));
        return true;
    }

    /// Nothing is left after some command has looked at guests.
    void expect_nothing(const Words& command) {
        (void)host_.stead(command);
        // The kernel may still be taking down what was killed.
        EXPECT_TRUE(eventually([&] {
            if (host_.remains().empty()) return true;
            (void)host_.stead(command);
            return false;
        })) << host_.remains()
            << seed();
    }

    const int starts_ = static_cast<int>(times(40));

    Host host_;

private:
    unsigned seed_ = 0;
    std::mt19937 random_;
    std::chrono::nanoseconds longest_{};
};

TEST_F(KilledStart, OfAJailLeavesNothingBehindTheNextList) {
    learn({"jail", "--name", "it", "--", "sh", "-c", "exit 7"});
    int ran = 0;
    for (int i = 0; i < starts_ && !HasFailure(); ++i) {
        start_and_kill({"jail", "--name", "it", "--", "sleep", "1000"});
        if (stop_if_it_runs()) ++ran;
        expect_nothing({"list"});
    }
    std::cout << ran << " of " << starts_ << " had come to run\n";
}

TEST_F(KilledStart, OfAGuestLeavesNothingBehindTheNextList) {
    host_.write("units/it.toml", "command = [\"sh\", \"-c\", \"exit 7\"]\n"
                                 "restart = \"no\"\nessential = true\n");
    const std::string file =
        host_.write("it.toml", "root = \"host\"\nephemeral = true\nunits = [\"" + host_.folder() +
                                   "/units\"]\n");
    learn({"run", file});
    host_.write("units/it.toml", "command = \"sleep infinity\"\n");
    int ran = 0;
    for (int i = 0; i < starts_ && !HasFailure(); ++i) {
        start_and_kill({"run", file});
        if (stop_if_it_runs()) ++ran;
        expect_nothing({"list"});
    }
    std::cout << ran << " of " << starts_ << " had come to run\n";
}

TEST_F(KilledStart, DoesNotKeepTheNextStartOfThatNameFromWorking) {
    learn({"jail", "--name", "it", "--", "sh", "-c", "exit 7"});
    int ran = 0;
    for (int i = 0; i < starts_ && !HasFailure(); ++i) {
        start_and_kill({"jail", "--name", "it", "--", "sleep", "1000"});
        if (stop_if_it_runs()) ++ran;
        const Outcome next = host_.stead({"jail", "--name", "it", "--", "sh", "-c", "exit 7"});
        EXPECT_EQ(next.code, 7) << next.err << seed();
        EXPECT_EQ(host_.remains(), "") << seed();
    }
    std::cout << ran << " of " << starts_ << " had come to run\n";
}

TEST_F(KilledStart, OfAnotherNameIsClearedByWhateverComesNext) {
    for (const Words& next : {Words{"list"}, {"status", "other"}, {"jail", "--", "true"}}) {
        host_.write("run/guests/it/state.json",
                    R"({"name": "it", "pid": 1, "start-time": 1, "pid-namespace": 1})");
        host_.write("run/guests/half/lock", "");
        (void)host_.stead(next);
        EXPECT_EQ(host_.remains(), "") << next.front();
    }
}

} // namespace
} // namespace stead::system_test
