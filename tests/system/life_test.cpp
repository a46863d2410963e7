#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "system/harness.h"

/// Guests by name: in the background, in order, and after whatever was killed.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

class Life : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    void TearDown() override {
        if (IsSkipped()) return;
        EXPECT_EQ(host_.stead({"stop", "--all", "--force"}).code, 0);
        EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
    }

    /// A guest file: a jail of `command` with `head` above its unit.
    void guest(const std::string& name,
               const std::string& command = "\"sleep 1000\"",
               const std::string& head = {}) const {
        host_.write("etc/guests/" + name + ".toml", "profile = \"jail\"\n" + head + "[unit." +
                                                        name + "]\ncommand = " + command +
                                                        "\nrestart = \"no\"\n");
    }

    /// A program that is not up as soon as it is executed: it ends before.
    void never_ready(const std::string& name) const {
        host_.write("etc/guests/" + name + ".toml.d/ready.toml",
                    "[unit." + name + "]\nready.path = \"/never\"\n");
    }

    [[nodiscard]] nlohmann::json state_of(const std::string& name) const {
        const std::string file = host_.folder() + "/run/guests/" + name + "/state.json";
        return nlohmann::json::parse(read_text(file), nullptr, false);
    }

    [[nodiscard]] pid_t init_of(const std::string& name) const {
        const auto state = state_of(name);
        return state.is_object() ? state.value("pid", 0) : 0;
    }

    /// The parent of PID 1.
    [[nodiscard]] pid_t keeper_of(const std::string& name) const {
        const std::string stat = read_text("/proc/" + std::to_string(init_of(name)) + "/stat");
        const auto end = stat.rfind(") ");
        return end == std::string::npos
                   ? 0
                   : static_cast<pid_t>(std::strtol(stat.c_str() + end + 4, nullptr, 10));
    }

    [[nodiscard]] bool runs(const std::string& name) const {
        return host_.stead({"status", name, "--ready"}).code == 0;
    }

    /// What hooks and programs wrote, a line each.
    [[nodiscard]] std::string told() const { return read_text(host_.folder() + "/told"); }

    [[nodiscard]] std::string tell(const std::string& words) const {
        return "[\"sh\", \"-c\", \"echo " + words + " >> " + host_.folder() + "/told\"]";
    }

    Host host_;
};

TEST_F(Life, OfANamedGuestGoesOnInTheBackgroundUntilItIsStopped) {
    guest("web");
    const Outcome started = host_.stead({"start", "web"});
    ASSERT_EQ(started.code, 0) << started.err;
    EXPECT_TRUE(runs("web"));

    // The keeper leads a session of its own, and init is its parent.
    const pid_t keeper = keeper_of("web");
    EXPECT_EQ(::getsid(keeper), keeper);
    const std::string status = read_text("/proc/" + std::to_string(keeper) + "/status");
    EXPECT_NE(status.find("\nPPid:\t1\n"), std::string::npos) << status;

    EXPECT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_EQ(keeper_of("web"), keeper) << "a second start changes nothing";

    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(host_.remains(), "");
    EXPECT_EQ(host_.stead({"status", "web"}).code, 3);
    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0) << "what does not run is stopped";
}

TEST_F(Life, StartWaitsUntilTheGuestIsUp) {
    guest("slow", "[\"sh\", \"-c\", \"sleep 0.4; touch /tmp/ready; sleep 1000\"]");
    host_.write("etc/guests/slow.toml.d/ready.toml", "[unit.slow]\nready.path = \"/tmp/ready\"\n"
                                                     "ready.interval = \"10ms\"\n");
    const auto began = std::chrono::steady_clock::now();
    ASSERT_EQ(host_.stead({"start", "slow"}).code, 0);
    EXPECT_GE(std::chrono::steady_clock::now() - began, 400ms);
    EXPECT_TRUE(runs("slow"));
}

TEST_F(Life, StartThatTakesTooLongSaysWhatItWaitedForAndGoesOn) {
    guest("slow", "[\"sh\", \"-c\", \"sleep 6; touch /tmp/ready; sleep 1000\"]");
    host_.write("etc/guests/slow.toml.d/ready.toml", "[unit.slow]\nready.path = \"/tmp/ready\"\n");
    const Outcome started = host_.stead({"start", "slow", "--timeout", "3s"});
    EXPECT_EQ(started.code, 124);
    EXPECT_NE(started.err.find("timed out waiting for slow to be up: slow"), std::string::npos)
        << started.err;
    EXPECT_EQ(host_.stead({"wait", "slow"}).code, 0);
    EXPECT_TRUE(runs("slow"));
}

TEST_F(Life, StartOfAGuestThatEndsAtOnceTellsItsCode) {
    guest("bad", "[\"sh\", \"-c\", \"echo this is why; exit 3\"]");
    never_ready("bad");
    const Outcome started = host_.stead({"start", "bad"});
    EXPECT_EQ(started.code, 1);
    EXPECT_NE(started.err.find("ended with code 3"), std::string::npos) << started.err;
    EXPECT_NE(host_.stead({"logs", "bad"}).out.find("this is why"), std::string::npos);

    guest("job", "\"true\"");
    EXPECT_EQ(host_.stead({"start", "job"}).code, 0) << "a job that has done its work";
}

TEST_F(Life, StartOfWhatIsWrongSaysSoAndChangesNothing) {
    guest("web");
    const Outcome unknown = host_.stead({"start", "wbe"});
    EXPECT_EQ(unknown.code, 5);
    EXPECT_NE(unknown.err.find("did you mean web?"), std::string::npos) << unknown.err;
    EXPECT_EQ(host_.stead({"start", "../web"}).code, 2);
    EXPECT_EQ(host_.stead({"start"}).code, 2);
    EXPECT_EQ(host_.stead({"start", "web", "--all"}).code, 2);

    host_.write("etc/guests/wrong.toml", "profile = \"jail\"\n[unit.wrong]\ncomand = \"true\"\n");
    const Outcome wrong = host_.stead({"start", "wrong"});
    EXPECT_EQ(wrong.code, 2);
    EXPECT_NE(wrong.err.find("wrong.toml:3:1: error:"), std::string::npos) << wrong.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Life, OfSeveralGuestsKeepsTheirOrderBothWays) {
    const auto hooks = [&](const std::string& name) {
        return "hooks.post-start = " + tell("up " + name) +
               "\nhooks.post-stop = " + tell("down " + name) + "\n";
    };
    guest("db", "\"sleep 1000\"", hooks("db"));
    guest("web", "\"sleep 1000\"", "requires = [\"db\"]\n" + hooks("web"));
    guest("front", "\"sleep 1000\"", "after = [\"web\"]\n" + hooks("front"));
    // What is required comes along; what is only ordered does not.
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_EQ(told(), "up db\nup web\n");
    EXPECT_FALSE(runs("front"));

    const Outcome refused = host_.stead({"stop", "db"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("required by 'web'"), std::string::npos) << refused.err;
    EXPECT_TRUE(runs("db"));

    ASSERT_EQ(host_.stead({"start", "--all", "--parallel", "4"}).code, 0);
    fs::remove(host_.folder() + "/told");
    ASSERT_EQ(host_.stead({"stop", "--all"}).code, 0);
    EXPECT_EQ(told(), "down front\ndown web\ndown db\n");
}

TEST_F(Life, OfAGuestWhoseNeedFailsIsNotBegun) {
    guest("db", "[\"sh\", \"-c\", \"exit 4\"]");
    never_ready("db");
    guest("web", "\"sleep 1000\"", "requires = [\"db\"]\n");
    guest("other");
    const Outcome started = host_.stead({"start", "web", "other"});
    EXPECT_EQ(started.code, 1);
    EXPECT_NE(started.err.find("'web' is left out, because 'db'"), std::string::npos)
        << started.err;
    EXPECT_FALSE(runs("web"));
    EXPECT_TRUE(runs("other"));
}

TEST_F(Life, RefusesGuestsThatWaitForEachOther) {
    guest("a", "\"sleep 1000\"", "requires = [\"b\"]\n");
    guest("b", "\"sleep 1000\"", "after = [\"c\"]\n");
    guest("c", "\"sleep 1000\"", "requires = [\"a\"]\n");
    const Outcome started = host_.stead({"start", "--all"});
    EXPECT_EQ(started.code, 2);
    EXPECT_NE(started.err.find("a -> b -> c -> a"), std::string::npos) << started.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Life, RunsTheHooksOfTheHost) {
    host_.write("etc/hooks/pre-start.d/10-all",
                "#!/bin/sh\necho all $STEAD_GUEST >> " + host_.folder() + "/told\n");
    fs::permissions(host_.folder() + "/etc/hooks/pre-start.d/10-all", fs::perms::owner_all);
    guest("web", "\"sleep 1000\"",
          "hooks.pre-start = " + tell("$STEAD_HOOK") + "\nhooks.post-start = " +
              tell("$STEAD_HOOK") + "\nhooks.pre-stop = " + tell("$STEAD_HOOK") +
              "\nhooks.post-stop = " + tell("$STEAD_HOOK $STEAD_EXIT_CODE $STEAD_RESULT") + "\n");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    ASSERT_EQ(host_.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(told(), "all web\npre-start\npost-start\npre-stop\npost-stop 0 success\n");
}

TEST_F(Life, IsRefusedByAFailedPreStartHook) {
    guest("web", "\"sleep 1000\"", "hooks.pre-start = [[\"sh\", \"-c\", \"exit 9\"]]\n");
    const Outcome started = host_.stead({"start", "web"});
    EXPECT_EQ(started.code, 1);
    EXPECT_NE(started.err.find("pre-start hook 'sh' ended with code 9"), std::string::npos)
        << started.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Life, HookThatHangsIsEndedInTime) {
    guest("web", "\"sleep 1000\"", "hooks.post-start = \"sleep 500\"\nhooks.timeout = \"300ms\"\n");
    const Outcome started = host_.stead({"start", "web"}, {}, 10s);
    EXPECT_EQ(started.code, 0) << started.err;
    EXPECT_NE(started.err.find("did not end in time"), std::string::npos) << started.err;
}

TEST_F(Life, OfAGuestThatAsksForARebootBeginsAgain) {
    guest("web", "\"sleep 1000\"", "hooks.post-stop = " + tell("$STEAD_RESULT") + "\n");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    const pid_t first = init_of("web");
    ASSERT_EQ(host_.stead({"reboot", "web"}).code, 0);
    EXPECT_TRUE(eventually([&] { return runs("web") && init_of("web") != first; }));
    EXPECT_EQ(told(), "reboot\n");
    EXPECT_NE(init_of("web"), 0);
}

TEST_F(Life, IsNotStoppedUnderWhoeverRequiresIt) {
    guest("db");
    guest("by-drop-in");
    guest("by-escape", "\"sleep 1000\"", "\"requ\\u0069res\" = [\"db\"]\n");
    guest("talks-of-it", "\"sleep 1000\"", "# requires = [\"db\"]\n");
    host_.write("etc/guests/by-drop-in.toml.d/need.toml", "requires = [\"db\"]\n");
    ASSERT_EQ(host_.stead({"start", "talks-of-it", "by-drop-in"}).code, 0);
    ASSERT_TRUE(runs("db"));
    Outcome refused = host_.stead({"stop", "db"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("required by 'by-drop-in', which runs"), std::string::npos)
        << refused.err;
    ASSERT_EQ(host_.stead({"stop", "by-drop-in"}).code, 0);
    ASSERT_EQ(host_.stead({"start", "by-escape"}).code, 0);
    refused = host_.stead({"stop", "db"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("required by 'by-escape', which runs"), std::string::npos)
        << refused.err;
    ASSERT_EQ(host_.stead({"stop", "by-escape"}).code, 0);
    EXPECT_EQ(host_.stead({"stop", "db"}).code, 0) << "a comment requires nothing";
}

TEST_F(Life, RestartIsAnotherLife) {
    guest("db");
    guest("web", "\"sleep 1000\"", "requires = [\"db\"]\n");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    const pid_t web = init_of("web");
    const pid_t db = init_of("db");
    ASSERT_EQ(host_.stead({"restart", "db"}).code, 0);
    EXPECT_EQ(init_of("web"), web) << "who requires it stays";
    EXPECT_NE(init_of("db"), db);
    EXPECT_TRUE(runs("db"));
}

TEST_F(Life, OfAGuestThatHangsAtItsStopIsEndedWithForce) {
    guest("deaf");
    ASSERT_EQ(host_.stead({"start", "deaf"}).code, 0);
    // PID 1 itself no longer runs.
    ::kill(init_of("deaf"), SIGSTOP);
    const Outcome stopped = host_.stead({"stop", "deaf", "--force", "--timeout", "3s"});
    EXPECT_EQ(stopped.code, 0) << stopped.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Life, SurvivesItsKeeper) {
    guest("web");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    const pid_t init = init_of("web");
    const pid_t keeper = keeper_of("web");
    ::kill(keeper, SIGKILL);
    ASSERT_TRUE(eventually([&] { return ::kill(keeper, 0) != 0; }));
    EXPECT_TRUE(runs("web"));
    EXPECT_EQ(init_of("web"), init);
    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Life, AfterItsPid1WasKilledBeginsAgainByTheNextStart) {
    guest("web", "\"sleep 1000\"", "hooks.post-stop = " + tell("$STEAD_EXIT_CODE") + "\n");
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    ::kill(init_of("web"), SIGKILL);
    EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
    EXPECT_EQ(told(), "137\n");
    EXPECT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_TRUE(runs("web"));
}

TEST_F(Life, AfterARebootOfTheHostBeginsAgain) {
    guest("web");
    // What is left in /run where that is a disk, and in /var: a pid that means somebody else now.
    host_.write("run/guests/web/state.json",
                R"({"name": "web", "pid": 1, "start-time": 1, "pid-namespace": 1,
                    "detached": true, "epilogue": true, "file": "/nowhere.toml"})");
    host_.write("run/guests/web/lock", "");
    host_.write("lib/guests/web/last-end.json", "{\"code\": ");
    const Outcome listed = host_.stead({"list", "--json"});
    EXPECT_EQ(listed.code, 0) << listed.err;
    ASSERT_EQ(host_.stead({"start", "web"}).code, 0);
    EXPECT_TRUE(runs("web"));
}

TEST_F(Life, AStopHasItsWayBesideAReboot) {
    guest("it");
    ASSERT_EQ(host_.stead({"start", "it"}).code, 0);
    // So young a guest does not come back at once: the stop meets none, and it stays away.
    ASSERT_EQ(host_.stead({"reboot", "it"}).code, 0);
    EXPECT_EQ(host_.stead({"stop", "it"}).code, 0);
    constexpr auto kComesBack = std::chrono::milliseconds(2200);
    std::this_thread::sleep_for(kComesBack);
    EXPECT_FALSE(runs("it"));

    // An older one comes back at once: the stop may meet it before, while or after that.
    for (const int pause : {0, 5, 10, 20, 40, 80}) {
        const Outcome begun = host_.stead({"start", "it"});
        ASSERT_EQ(begun.code, 0) << pause << ": " << begun.err;
        std::this_thread::sleep_for(kComesBack);
        ASSERT_EQ(host_.stead({"reboot", "it", "--no-wait"}).code, 0);
        std::this_thread::sleep_for(std::chrono::milliseconds(pause));
        const Outcome stopped = host_.stead({"stop", "it", "--timeout", "10s"});
        EXPECT_EQ(stopped.code, 0) << pause << ": " << stopped.err;
        EXPECT_FALSE(runs("it")) << pause;
    }
}

TEST_F(Life, GoesOnAfterAnyCommandWasKilled) {
    guest("it", "\"sleep 1000\"", "hooks.post-start = \"true\"\n");
    const char* given = std::getenv("STEAD_SEED"); // NOLINT(concurrency-mt-unsafe)
    const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                           : std::random_device{}();
    std::mt19937 random(seed);
    ASSERT_EQ(host_.stead({"start", "it"}).code, 0);
    ASSERT_EQ(host_.stead({"restart", "it"}).code, 0);
    const std::vector<Words> commands{
        {"start", "it"}, {"stop", "it"}, {"restart", "it"}, {"reboot", "it"}};
    int up = 0;
    const int rounds = static_cast<int>(times(40));
    for (int round = 0; round < rounds && !HasFailure(); ++round) {
        const Words& words = commands[random() % commands.size()];
        {
            Background command(host_.command(words), host_.folder() + "/out");
            std::this_thread::sleep_for(std::chrono::microseconds(random() % 120'000));
            command.signal(SIGKILL);
            (void)command.wait();
        }
        if (runs("it")) ++up;
        // Whatever it is in the middle of, the next command has its way.
        const bool stop = random() % 2 == 0;
        const Outcome next = host_.stead({stop ? "stop" : "start", "it"});
        // A stop may meet a start that was under way, or the other way round, and says so then.
        const Outcome again = next.code == 0 ? next : host_.stead({stop ? "stop" : "start", "it"});
        EXPECT_EQ(again.code, 0) << words.front() << " killed, then " << next.err << again.err
                                 << "STEAD_SEED=" << seed;
    }
    std::cout << up << " of " << rounds << " were up after the kill\n";
}

} // namespace
} // namespace stead::system_test
