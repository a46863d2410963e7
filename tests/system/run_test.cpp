#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "system/harness.h"

namespace stead::system_test {
namespace {

constexpr const char* kEphemeral = "root = \"host\"\nephemeral = true\n";

class Run : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    /// A guest file on the host's own files with the units of folder `units`.
    [[nodiscard]] std::string guest(const std::string& name, const std::string& more = {}) const {
        return host_.write(name + ".toml", kEphemeral + more + "units = [\"" + host_.folder() +
                                               "/" + name + "\"]\n");
    }

    void unit(const std::string& guest, const std::string& name, const std::string& text) const {
        (void)host_.write(guest + "/" + name + ".toml", text);
    }

    [[nodiscard]] Outcome inside(const std::string& guest, const std::string& command) const {
        return host_.stead({"exec", guest, "-T", "--", "sh", "-c", command});
    }

    Host host_;
};

TEST_F(Run, ReturnsTheExitCodeOfTheEssentialUnit) {
    unit("job", "main",
         "command = [\"sh\", \"-c\", \"exit 7\"]\nessential = true\nrestart = \"no\"\n");
    const Outcome outcome = host_.stead({"run", guest("job")});
    EXPECT_EQ(outcome.code, 7) << outcome.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Run, ReturnsZeroAfterAnOrderedStop) {
    unit("web", "sleeper", "command = \"sleep infinity\"\n");
    Background running(host_.command({"run", guest("web")}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait(), 0) << running.output();
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Run, KeepsTheGuestsWritesInTheGuest) {
    unit("web", "sleeper", "command = \"sleep infinity\"\n");
    Background running(host_.command({"run", guest("web")}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    EXPECT_EQ(inside("web", "touch /etc/stead-test-x && ls /etc/stead-test-x").out,
              "/etc/stead-test-x\n");
    EXPECT_FALSE(std::filesystem::exists("/etc/stead-test-x"));
    EXPECT_EQ(inside("web", "id -u").out, "0\n");
    EXPECT_NE(inside("web", "cat /proc/self/uid_map").out.find("65536"), std::string::npos);
}

TEST_F(Run, StartsAKilledServiceAgain) {
    unit("web", "sleeper", "command = \"sleep infinity\"\nrestart.delay = \"0s\"\n");
    Background running(host_.command({"run", guest("web")}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    const int before = host_.pid_of("web/sleeper");
    ASSERT_GT(before, 0);
    EXPECT_EQ(host_.stead({"kill", "web/sleeper", "-s", "KILL"}).code, 0);
    EXPECT_TRUE(eventually([&] {
        const int now = host_.pid_of("web/sleeper");
        return now > 0 && now != before;
    }));
}

TEST_F(Run, MayHoldTwoGuestsAtOnce) {
    unit("one", "sleeper", "command = \"sleep infinity\"\n");
    unit("two", "sleeper", "command = \"sleep infinity\"\n");
    Background first(host_.command({"run", guest("one")}), host_.folder() + "/out1");
    Background second(host_.command({"run", guest("two")}), host_.folder() + "/out2");
    ASSERT_TRUE(eventually([&] { return host_.ready("one") && host_.ready("two"); }))
        << first.output() << second.output();
    EXPECT_NE(inside("one", "cat /proc/self/uid_map").out,
              inside("two", "cat /proc/self/uid_map").out);
    first.signal(SIGTERM);
    EXPECT_EQ(first.wait(), 0);
    EXPECT_TRUE(host_.ready("two"));
    second.signal(SIGTERM);
    EXPECT_EQ(second.wait(), 0);
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Run, IsNotStoppedByStateOfAnEarlierLife) {
    unit("job", "main", "command = \"true\"\ntype = \"oneshot\"\nessential = true\n");
    const std::string file = guest("job");
    // A record of a process that is long gone, or was never ours; a socket file; a draft.
    host_.write("run/guests/job/state.json",
                R"({"name": "job", "pid": 1, "start-time": 1, "pid-namespace": 1})");
    host_.write("run/guests/job/control", "");
    host_.write("run/guests/job/state.json.new", "{");
    const Outcome outcome = host_.stead({"run", file});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Run, OneWrongUnitDoesNotStopTheOthers) {
    unit("web", "good", "command = \"sleep infinity\"\n");
    unit("web", "bad", "comand = \"sleep infinity\"\n");
    Background running(host_.command({"run", guest("web")}), host_.folder() + "/out");
    EXPECT_TRUE(eventually([&] { return host_.pid_of("web/good") > 0; })) << running.output();
    // The line takes its own way out, through the keeper.
    EXPECT_TRUE(eventually([&] {
        return running.output().find("bad.toml:1:1") != std::string::npos;
    })) << running.output();
}

TEST_F(Run, AGuestWithoutAnyUnitNamesTheSearchedFolders) {
    std::filesystem::create_directories(host_.folder() + "/empty");
    const Outcome outcome = host_.stead({"run", guest("empty")});
    EXPECT_NE(outcome.code, 0);
    EXPECT_NE(outcome.err.find("/etc/stead/units"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("/usr/lib/stead/units"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find("stead: stead:"), std::string::npos) << outcome.err;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Run, TheKeepersDeathStopsNoService) {
    unit("web", "sleeper", "command = \"sleep infinity\"\n");
    Background running(host_.command({"run", guest("web")}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
    const int service = host_.pid_of("web/sleeper");
    running.signal(SIGKILL);
    EXPECT_EQ(running.wait(), 1000 + SIGKILL);
    EXPECT_EQ(host_.pid_of("web/sleeper"), service);
    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
    EXPECT_TRUE(eventually([&] { return host_.stead({"status", "web"}).code != 0; }));
    EXPECT_EQ(host_.stead({"cleanup", "web"}).code, 0);
    EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
}

TEST_F(Run, TheConsoleOfAGuestIsItsLog) {
    unit("web", "talker",
         "command = [\"sh\", \"-c\", \"echo heard; exec sleep 1000\"]\nlog = \"console\"\n");
    Background running(host_.command({"run", guest("web")}), host_.folder() + "/out");
    EXPECT_TRUE(eventually([&] {
        return running.output().find("talker: heard") != std::string::npos;
    })) << running.output();
    EXPECT_NE(host_.stead({"logs", "web/talker"}).out.find("heard"), std::string::npos);
    EXPECT_EQ(inside("web", "test -e /dev/console").code, 1);
}

TEST_F(Run, ABareUnitFileRunsAsAJailOfIt) {
    const std::string file = host_.write(
        "job.toml", "command = [\"sh\", \"-c\", \"id -u; exit 9\"]\nrestart = \"no\"\n");
    const Outcome outcome = host_.stead({"run", file});
    EXPECT_EQ(outcome.code, 9) << outcome.err << outcome.out;
    EXPECT_EQ((outcome.out + outcome.err).find("job: 0\n"), std::string::npos);
}

TEST_F(Run, ADirectoryIsARootWithOwnIds) {
    // A root of one static program.
    const std::string root = host_.folder() + "/root";
    for (const char* folder : {"bin", "etc", "proc", "sys", "dev", "run", "tmp", "var"})
        std::filesystem::create_directories(root + "/" + folder);
    std::error_code failed;
    std::filesystem::copy_file("/bin/busybox", root + "/bin/busybox", failed);
    if (failed) GTEST_SKIP() << "needs busybox-static";
    write_text(root + "/etc/passwd", "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n");
    write_text(root + "/etc/group", "root:x:0:\nuser:x:1000:\n");
    write_text(root + "/etc/stead/units/main.toml",
               "command = [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox touch /var/made && "
               "/bin/busybox id -u && exit 4\"]\nessential = true\nrestart = \"no\"\n");
    const std::string file = host_.write("dir.toml", "root = \"" + root + "\"\n");
    const Outcome outcome = host_.stead({"run", file});
    EXPECT_EQ(outcome.code, 4) << outcome.err << outcome.out;

    // On disk the owner is the plain id, not the guest's range.
    struct stat status {};

    ASSERT_EQ(::stat((root + "/var/made").c_str(), &status), 0) << outcome.err;
    EXPECT_EQ(status.st_uid, 0U);
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(Run, TheDemonstrationDoesWhatItSays) {
    const std::string folder = host_.folder() + "/demo";
    std::filesystem::copy(STEAD_SOURCE "/units/demo", folder,
                          std::filesystem::copy_options::recursive);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::string text = read_text(entry.path().string());
        for (const auto& [from, to] :
             {std::pair<std::string, std::string>{"/usr/share/doc/stead/examples/demo", folder},
              {"8080", "47180"}}) {
            for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos;)
                text.replace(at, from.size(), to);
        }
        write_text(entry.path().string(), text);
    }
    Background running(host_.command({"run", folder + "/demo.toml"}), host_.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host_.ready("demo"); }))
        << running.output() << host_.stead({"status", "demo"}).out;
    const Words get{"busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:47180/"};
    EXPECT_EQ(run_program(get).out, "Hello from demo, a guest whose PID 1 is Stead.\n");
    EXPECT_EQ(host_.stead({"kill", "demo/httpd", "-s", "KILL"}).code, 0);
    EXPECT_TRUE(eventually([&] { return run_program(get).code == 0; }));
    EXPECT_EQ(inside("demo", "touch /run/finish").code, 0);
    EXPECT_EQ(running.wait(), 7) << running.output();
    EXPECT_EQ(host_.remains(), "");
}

} // namespace
} // namespace stead::system_test
