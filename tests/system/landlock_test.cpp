#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "sys/setup.h"
#include "system/harness.h"

/// files.landlock and files.private-devices, as shells in units meet them.
namespace stead::system_test {
namespace {

/// Words of a script that says of each command how it went: "read=0".
std::string tries(const std::string& name, const std::string& command) {
    return "(" + command + ") >/dev/null 2>&1; echo " + name + "=$?; ";
}

class Landlock : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    void TearDown() override {
        if (!running_) return;
        running_->signal(SIGTERM);
        EXPECT_EQ(running_->wait(), 0) << running_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    void add(const std::string& name, const std::string& script, const std::string& keys) {
        host_.write("units/" + name + ".toml",
                    "type = \"oneshot\"\ncommand = [\"bash\", \"-c\", '''" + script +
                        "echo end''']\n" + keys);
    }

    void start() {
        const std::string file =
            host_.write("web.toml", "root = \"host\"\nephemeral = true\nunits = [\"" +
                                        host_.folder() + "/units\"]\n");
        running_ =
            std::make_unique<Background>(host_.command({"run", file}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running_->output();
    }

    /// What the unit said, once it came to its end.
    [[nodiscard]] std::string said(const std::string& unit) const {
        std::string text;
        (void)eventually([&] {
            text = host_.stead({"logs", "web/" + unit}).out;
            return text.find(" end\n") != std::string::npos;
        });
        return text + host_.stead({"status", "web/" + unit}).out;
    }

    /// In a jail of its own: `-o files.KEY=VALUE`.
    [[nodiscard]] Outcome jail(const std::string& key, const std::string& script) const {
        return host_.stead({"jail", "-o", "unit.main.files." + key, "--", "bash", "-c", script});
    }

    Host host_;
    std::unique_ptr<Background> running_;
};

constexpr const char* kPrograms = "\"/usr\", \"-/lib\", \"-/lib64\", \"-/bin\"";

#define NEED_LANDLOCK(version)                                                                     \
    if (sys::landlock_version() < (version)) GTEST_SKIP() << "needs Landlock version " << (version)

TEST_F(Landlock, KeepsAUnitToItsPaths) {
    NEED_LANDLOCK(2);
    const std::string script =
        tries("allowed", "read x < /etc/hostname") + tries("denied", "read x < /etc/passwd") +
        tries("written", "echo x > /var/tmp/w$BASHPID") +
        tries("unwritten", "echo x > /var/lib/w") + tries("removed", "rm /etc/hostname") +
        tries("null", "echo x > /dev/null");
    const std::string keys = std::string("files.landlock = { read = [") + kPrograms +
                             ", \"/etc/hostname\"], write = [\"/var/tmp\", \"/dev/null\", "
                             "\"-/not/there\"] }\n";
    add("root", script, keys);
    add("nobody", script, keys + "user = \"nobody\"\n");
    add("careful", script, keys + "user = \"nobody\"\nno-new-privileges = true\n");
    add("outside", tries("read", "read x < /etc/passwd") + tries("write", "echo x > /var/lib/o"),
        "");
    start();
    for (const char* unit : {"root", "nobody", "careful"}) {
        const std::string text = said(unit);
        for (const char* good : {"allowed=0", "written=0", "null=0"})
            EXPECT_NE(text.find(good), std::string::npos) << unit << "\n" << text;
        for (const char* bad : {"denied=1", "unwritten=1", "removed=1"})
            EXPECT_NE(text.find(bad), std::string::npos) << unit << "\n" << text;
    }
    const std::string outside = said("outside");
    EXPECT_NE(outside.find("read=0"), std::string::npos) << outside;
    EXPECT_NE(outside.find("write=0"), std::string::npos) << outside;
}

TEST_F(Landlock, OfReadingAloneLetsFilesBeMovedBetweenFolders) {
    NEED_LANDLOCK(2);
    add("mover",
        tries("moved", "mkdir -p /var/tmp/a /var/tmp/b && echo x > /var/tmp/a/f && "
                       "mv /var/tmp/a/f /var/tmp/b/f && ln /var/tmp/b/f /var/tmp/a/f"),
        std::string("files.landlock.read = [") + kPrograms + ", \"/var/tmp\", \"/etc\"]\n");
    start();
    const std::string text = said("mover");
    EXPECT_NE(text.find("moved=0"), std::string::npos) << text;
}

TEST_F(Landlock, OfAPathThatIsMissingFailsTheUnitAndSaysWhy) {
    NEED_LANDLOCK(2);
    add("lost", "", "files.landlock.read = [\"/usr\", \"/not/there\"]\n");
    start();
    const std::string why = host_.stead({"why", "web/lost"}).out;
    EXPECT_NE(why.find("landlock"), std::string::npos) << why;
    EXPECT_NE(why.find("No such file"), std::string::npos) << why;
}

TEST_F(Landlock, ClosesTcpPortsInAJail) {
    NEED_LANDLOCK(4);
    const std::string script = "exec 3<>/dev/tcp/127.0.0.1/9";
    const Outcome open = jail("landlock={ connect-tcp = [9] }", script);
    EXPECT_NE(open.err.find("Connection refused"), std::string::npos) << open.err;
    const Outcome closed = jail("landlock={ connect-tcp = [10] }", script);
    EXPECT_NE(closed.err.find("Permission denied"), std::string::npos) << closed.err;
    const std::string bind = "python3 -c 'import socket; socket.socket().bind((\"127.0.0.1\", "
                             "8080))'";
    EXPECT_EQ(jail("landlock={ bind-tcp = [8080] }", bind).code, 0);
    EXPECT_NE(jail("landlock={ bind-tcp = [] }", bind).code, 0);
}

TEST_F(Landlock, KeepsSignalsWithinTheUnit) {
    NEED_LANDLOCK(6);
    add("scoped", tries("one", "kill -0 1") + tries("own", "kill -0 $$"),
        "files.landlock.scope = [\"signal\", \"abstract\"]\n");
    add("free", tries("one", "kill -0 1"), "");
    start();
    const std::string scoped = said("scoped");
    EXPECT_NE(scoped.find("one=1"), std::string::npos) << scoped;
    EXPECT_NE(scoped.find("own=0"), std::string::npos) << scoped;
    EXPECT_NE(said("free").find("one=0"), std::string::npos);
}

TEST_F(Landlock, IsRefusedWhereThisKernelLacksIt) {
    if (sys::landlock_version() >= 6) GTEST_SKIP() << "needs a kernel without Landlock's scopes";
    const Outcome refused = jail("landlock={ scope = [\"signal\"] }", "true");
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_NE(refused.err.find("Landlock's scopes (Linux 6.12, version 6)"), std::string::npos)
        << refused.err;
}

TEST_F(Landlock, PrivateDevicesAreFewAndWork) {
    const std::string script =
        "echo names: $(ls /dev); " + tries("null", "echo x > /dev/null") +
        tries("zero", "head -c 4 /dev/zero | grep -q .") +
        tries("random", "head -c 1 /dev/urandom") +
        tries("shared", "echo x > /dev/shm/from-$BASHPID") +
        tries("console", "test -e /dev/console") + tries("made", "echo x > /dev/made") +
        tries("stdin", "test -e /dev/stdin") + tries("big", "head -c 1000000 /dev/zero > /dev/big");
    add("alone", script, "files.private-devices = true\n");
    add("user", script,
        "files = { private-devices = true, protect-system = \"strict\" }\n"
        "user = \"nobody\"\n");
    add("after", tries("made", "test -e /dev/made") + tries("shared", "ls /dev/shm/from-*"),
        "after = [\"alone\", \"user\"]\n");
    start();
    const std::string alone = said("alone");
    for (const char* good : {"null=0", "random=0", "shared=0", "stdin=0", "console=1", "big=1"})
        EXPECT_NE(alone.find(good), std::string::npos) << good << "\n" << alone;
    const std::string user = said("user");
    for (const char* good : {"null=0", "random=0", "shared=0", "stdin=0", "console=1", "made=1"})
        EXPECT_NE(user.find(good), std::string::npos) << good << "\n" << user;
    const std::string after = said("after");
    EXPECT_NE(after.find("made=1"), std::string::npos) << after;
    EXPECT_NE(after.find("shared=0"), std::string::npos) << after;
    EXPECT_EQ(jail("private-devices=true", "echo x > /dev/null && test ! -e /dev/console").code, 0);
}

} // namespace
} // namespace stead::system_test
