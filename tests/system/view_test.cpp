#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "sys/unique_fd.h"
#include "system/harness.h"

namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

/// What a guest file asks for of the guest's own view.
class View : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        host_.write("units/sleeper.toml", "command = \"sleep infinity\"\n");
    }

    /// What `command` says in a guest with these lines in its file.
    [[nodiscard]] std::string inside(const std::string& lines, const std::string& command) const {
        const std::string file =
            host_.write("web.toml", "root = \"host\"\nephemeral = true\nunits = [\"" +
                                        host_.folder() + "/units\"]\n" + lines);
        Background running(host_.command({"run", file}), host_.folder() + "/out");
        EXPECT_TRUE(eventually([&] { return host_.ready("web"); })) << running.output();
        const Outcome outcome = host_.stead({"exec", "web", "-T", "--", "sh", "-c", command});
        return outcome.out + outcome.err;
    }

    Host host_;
};

TEST_F(View, HasAnUptimeOfItsOwnWhenAsked) {
    const double host = std::stod(read_text("/proc/uptime"));
    const std::string ours = fs::read_symlink("/proc/self/ns/time").string();
    const std::string told =
        inside("view.uptime = true\n", "cut -d' ' -f1 /proc/uptime; readlink /proc/self/ns/time");
    EXPECT_LT(std::stod("0" + told), 60) << told;
    EXPECT_EQ(told.find(ours), std::string::npos) << told;
    const std::string shared =
        inside("", "cut -d' ' -f1 /proc/uptime; readlink /proc/self/ns/time");
    EXPECT_GE(std::stod("0" + shared), host) << shared;
    EXPECT_NE(shared.find(ours), std::string::npos) << shared;
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(View, MapsTheOwnersOfABindWhenAsked) {
    const std::string folder = host_.folder() + "/data";
    host_.write("data/file", "x");
    EXPECT_EQ(::chown((folder + "/file").c_str(), 1000, 1000), 0);
    ::chmod(folder.c_str(), 0777);
    EXPECT_EQ(inside("bind = [\"" + folder + ":/mnt:idmap\"]\n",
                     "stat -c %u /mnt/file; touch /mnt/made; chown 7:8 /mnt/made; stat -c %u:%g "
                     "/mnt/made"),
              "1000\n7:8\n");

    struct stat status {};

    ASSERT_EQ(::stat((folder + "/made").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 7U);
    EXPECT_EQ(status.st_gid, 8U);
    // Without it the host's owner is nobody inside.
    EXPECT_EQ(inside("bind = [\"" + folder + ":/mnt\"]\n", "stat -c %u /mnt/file"), "65534\n");
    EXPECT_EQ(host_.remains(), "");
}

TEST_F(View, DoesNotReachTheHostsAbstractSockets) {
    if (run_program({"/usr/bin/python3", "--version"}).code != 0)
        GTEST_SKIP() << "needs /usr/bin/python3";
    const sys::UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "stead-test-" + std::to_string(::getpid());
    std::memcpy(&address.sun_path[1], name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener.get(), 8), 0);
    const std::string code =
        "import socket; socket.socket(socket.AF_UNIX).connect('\\0" + name + "')";
    ASSERT_EQ(run_program({"/usr/bin/python3", "-c", code}).code, 0);
    for (const std::string network : {"none", "host"}) {
        const Outcome outcome =
            host_.stead({"jail", "--network", network, "--", "/usr/bin/python3", "-c", code});
        // With the host's network only Landlock's scopes (Linux 6.12) close them.
        if (network == "host" && outcome.code == 0)
            GTEST_SKIP() << "needs Landlock's abstract socket scope";
        EXPECT_EQ(outcome.code, 1) << network << outcome.err;
        EXPECT_TRUE(outcome.err.find("refused") != std::string::npos ||
                    outcome.err.find("not permitted") != std::string::npos)
            << outcome.err;
    }
}

} // namespace
} // namespace stead::system_test
