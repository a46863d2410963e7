#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "system/harness.h"

namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPort = "47379";
constexpr const char* kOtherPort = "47380";
/// Not the host's own data.
constexpr const char* kData = "/var/lib/stead-test-redis";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

/// The shipped jail with the host's own redis-server; only its port and its folder are the test's.
class Redis : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        if (run_program({"redis-server", "--version"}).code != 0 ||
            run_program({"redis-cli", "--version"}).code != 0)
            GTEST_SKIP() << "needs redis-server and redis-cli";
        if (run_program({"id", "redis"}).code != 0) GTEST_SKIP() << "needs the user redis";
        std::string text = read_text(STEAD_SOURCE "/units/guests/redis.toml");
        text = replaced(text, "127.0.0.1:6379", std::string("127.0.0.1:") + kPort);
        text = replaced(text, "--bind 127.0.0.1", std::string("--bind 127.0.0.1 --port ") + kPort);
        text = replaced(text, "/var/lib/redis", kData);
        text = replaced(text, "[\"redis\"]", "[\"stead-test-redis\"]");
        file_ = host_.write("redis.toml", text);
        fs::remove_all(kData);
    }

    void TearDown() override {
        std::error_code failed;
        fs::remove_all(kData, failed);
    }

    [[nodiscard]] static std::string client(Words words, const std::string& address = "127.0.0.1") {
        Words all{"redis-cli", "-h", address, "-p", kPort};
        all.insert(all.end(), words.begin(), words.end());
        const Outcome outcome = run_program(all);
        return outcome.out + outcome.err;
    }

    [[nodiscard]] Outcome inside(Words words) const {
        Words all{"exec", "redis", "-T", "--"};
        all.insert(all.end(), words.begin(), words.end());
        return host_.stead(all);
    }

    [[nodiscard]] bool up() const {
        return eventually([&] { return host_.ready("redis"); });
    }

    Host host_;
    std::string file_;
};

TEST_F(Redis, AnswersOnItsOneAddressAndBindsNoOther) {
    Background running(host_.command({"run", file_}), host_.folder() + "/out");
    ASSERT_TRUE(up()) << running.output();
    EXPECT_EQ(client({"PING"}), "PONG\n");
    EXPECT_NE(client({"PING"}, "127.0.0.2").find("refused"), std::string::npos);
    EXPECT_NE(client({"PING"}, "::1").find("refused"), std::string::npos);

    // The server itself is refused other places, and keeps the one it has.
    for (const Words& wish : {Words{"bind", "0.0.0.0"}, Words{"bind", "127.0.0.2"},
                              Words{"bind", "::1"}, Words{"bind", "::"}, Words{"port", kOtherPort}})
        EXPECT_EQ(client({"CONFIG", "SET", wish[0], wish[1]}).rfind("ERR", 0), 0U)
            << wish[1] << running.output();
    EXPECT_EQ(client({"PING"}), "PONG\n");

    // So is every other program of the jail: by port, by address, by family.
    for (const std::string place : {"127.0.0.1:47380", "127.0.0.2:47379", "0.0.0.0:47380",
                                    "[::1]:47380", "[::]:47380", "[::ffff:127.0.0.1]:47380"}) {
        const Outcome outcome = inside({"timeout", "1", "busybox", "httpd", "-f", "-p", place});
        EXPECT_EQ(outcome.code, 1) << place << outcome.err;
        EXPECT_NE(outcome.err.find("bind"), std::string::npos) << place << outcome.err;
    }
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait(), 0) << running.output();
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Redis, KeepsItsDataOverAStopAndAKill) {
    for (const char* round : {"first", "second"}) {
        Background running(host_.command({"run", file_}), host_.folder() + "/" + round);
        ASSERT_TRUE(up()) << running.output();
        if (round == std::string("first")) {
            EXPECT_EQ(client({"SET", "colour", "green"}), "OK\n");
        } else {
            EXPECT_EQ(client({"GET", "colour"}), "green\n") << running.output();
            EXPECT_EQ(client({"SET", "colour", "blue"}), "OK\n");
            EXPECT_EQ(client({"SAVE"}), "OK\n");
            const int before = host_.pid_of("redis/redis");
            EXPECT_EQ(host_.stead({"kill", "redis/redis", "-s", "KILL"}).code, 0);
            EXPECT_TRUE(eventually([&] {
                const int now = host_.pid_of("redis/redis");
                return now > 0 && now != before && client({"GET", "colour"}) == "blue\n";
            })) << running.output();
        }
        running.signal(SIGTERM);
        EXPECT_EQ(running.wait(), 0) << running.output();
        EXPECT_EQ(host_.remains(), "");
    }

    struct stat status {};

    ASSERT_EQ(::stat((std::string(kData) + "/dump.rdb").c_str(), &status), 0);
    EXPECT_NE(status.st_uid, 0U);
    EXPECT_EQ(run_program({"stat", "-c", "%U", kData}).out, "redis\n");
}

TEST_F(Redis, SeesNoHomeAndReadsNoKey) {
    // Where no sshd is installed, a key of the test's own.
    const std::string key = "/etc/ssh/ssh_host_ed25519_key";
    const std::string secret = "/etc/stead-test-secret";
    const bool had_folder = fs::exists("/etc/ssh");
    const bool had_key = fs::exists(key);
    if (!had_key) write_text(key, "secret\n");
    write_text(secret, "secret\n");
    ::chmod(key.c_str(), 0600);
    ::chmod(secret.c_str(), 0600);
    const std::string home = "/home/stead-test-home";
    write_text(home, "secret\n");
    {
        Background running(host_.command({"run", file_}), host_.folder() + "/out");
        EXPECT_TRUE(up()) << running.output();
        EXPECT_EQ(inside({"id", "-un"}).out, "redis\n");
        EXPECT_EQ(inside({"ls", "-A", "/home", "/root"}).out, "/home:\n\n/root:\n");
        EXPECT_NE(inside({"cat", home}).code, 0);
        // A masked file is there and empty; any other file of root's refuses itself.
        EXPECT_EQ(inside({"cat", key}).out, "");
        EXPECT_EQ(inside({"cat", "/etc/shadow"}).out, "");
        EXPECT_EQ(inside({"cat", secret}).out, "");
        EXPECT_NE(inside({"cat", secret}).err.find("Permission denied"), std::string::npos);
        EXPECT_EQ(inside({"ls", "/srv", "/boot", "/opt", "/mnt"}).out, "");
        EXPECT_NE(inside({"touch", "/usr/x"}).code, 0);
        EXPECT_EQ(inside({"touch", std::string(kData) + "/x"}).code, 0);
        EXPECT_TRUE(fs::exists(std::string(kData) + "/x"));
    }
    if (!had_key) fs::remove(key);
    if (!had_folder) fs::remove("/etc/ssh");
    fs::remove(secret);
    fs::remove(home);
    EXPECT_EQ(host_.remains(), "");
}

} // namespace
} // namespace stead::system_test
