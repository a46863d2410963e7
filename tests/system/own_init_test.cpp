#include <signal.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "system/harness.h"
#include "system/image_root.h"
#include "system/terminal.h"

/// Guests with an init of their own, here busybox', which tells nobody when it is up. systemd's
/// turn is in the VM.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class OwnInit : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        (void)make_busybox_root(host_);
        const std::string root = host_.folder() + "/root";
        for (const char* name : {"init", "reboot", "poweroff", "halt"})
            fs::create_symlink("../bin/busybox", root + "/sbin/" + name);
        for (const char* name : {"ps", "umount", "mount", "unshare", "kill", "head", "date", "tty"})
            fs::create_symlink("busybox", root + "/bin/" + name);
        write_text(root + "/etc/inittab", "::sysinit:/bin/sh /etc/rc\n"
                                          "::respawn:/bin/sleep 100000\n"
                                          "::shutdown:/bin/touch /root/was-shut-down\n");
        write_text(root + "/etc/rc", "mkdir /sys/fs/cgroup/below\n"
                                     "sh -c 'echo $$ >/sys/fs/cgroup/below/cgroup.procs; "
                                     "cat /proc/self/cgroup >/run/below'\n"
                                     "echo boots >/run/boot\n");
        file_ =
            host_.write("web.toml", "root = \"" + root +
                                        "\"\ninit = [\"/sbin/init\"]\n"
                                        "init-stop-signal = \"USR2\"\nstop-timeout = \"20s\"\n");
    }

    void TearDown() override {
        running_.reset();
        if (!IsSkipped()) {
            EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
        }
    }

    void start() {
        running_ =
            std::make_unique<Background>(host_.command({"run", file_}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running_->output();
        // This init does not say when its sysinit lines are done.
        ASSERT_TRUE(eventually([&] {
            return exec({"cat", "/run/boot"}).code == 0;
        })) << running_->output();
    }

    [[nodiscard]] Outcome exec(const Words& command) const {
        Words words{"exec", "web", "--"};
        words.insert(words.end(), command.begin(), command.end());
        return host_.stead(words);
    }

    [[nodiscard]] Outcome shell(const std::string& script) const {
        return exec({"sh", "-c", script});
    }

    Host host_;
    std::string file_;
    std::unique_ptr<Background> running_;
};

TEST_F(OwnInit, IsPidOneOfWhatItStartsAndOfWhatIsExecuted) {
    start();
    const Outcome seen = shell("cat /proc/1/cmdline | head -c 10; readlink /proc/self/ns/pid; "
                               "readlink /proc/1/ns/pid; ps");
    EXPECT_EQ(seen.out.substr(0, 4), "init") << seen.out << seen.err;
    EXPECT_TRUE(has(seen.out, "sleep 100000")) << seen.out;
    EXPECT_FALSE(has(seen.out, "stead-init")) << seen.out;
    const auto first = seen.out.find("pid:[");
    const auto second = seen.out.find("pid:[", first + 1);
    ASSERT_NE(second, std::string::npos) << seen.out;
    EXPECT_EQ(seen.out.substr(first, 10), seen.out.substr(second, 10));
    EXPECT_EQ(host_.stead({"list", "web"}).code, 0);
    EXPECT_GT(host_.pid_of("web/init"), 1);
    const Outcome reload = host_.stead({"reload", "web"});
    EXPECT_EQ(reload.code, 1);
    EXPECT_TRUE(has(reload.err, "has an init of its own")) << reload.err;
}

TEST_F(OwnInit, HasCommandsExecutedAsWhomAndWhereTheyWereAsked) {
    start();
    const Outcome user = host_.stead(
        {"exec", "--user", "app", "--cwd", "/tmp", "web", "--", "sh", "-c", "id; pwd; exit 7"});
    EXPECT_EQ(user.code, 7) << user.err;
    EXPECT_TRUE(has(user.out, "uid=1000")) << user.out;
    EXPECT_TRUE(has(user.out, "/tmp\n")) << user.out;
    EXPECT_EQ(exec({"/no/such"}).code, 127);
    EXPECT_EQ(exec({"/etc/passwd"}).code, 126);
    EXPECT_EQ(shell("kill -9 $$").code, 137);
    EXPECT_EQ(host_.stead({"exec", "web", "--", "cat"}, "to and fro").out, "to and fro");
    Terminal terminal(host_.command({"exec", "-t", "web", "--", "sh", "-c", "tty; exit 3"}));
    EXPECT_EQ(terminal.wait(), 3);
    EXPECT_TRUE(has(terminal.shown(), "/dev/pts/")) << terminal.shown();
    Terminal login(host_.command({"enter", "web"}));
    login.type("ps; exit 4\r");
    EXPECT_EQ(login.wait(), 4);
    EXPECT_TRUE(has(login.shown(), "1 root     init")) << login.shown();
}

TEST_F(OwnInit, EndsTheGuestAsItEndedItself) {
    start();
    (void)shell("poweroff"); // It may go down with the guest.
    EXPECT_EQ(running_->wait(), 0) << running_->output();
    EXPECT_TRUE(fs::exists(host_.folder() + "/root/root/was-shut-down"));
}

TEST_F(OwnInit, RebootsTheGuest) {
    start();
    (void)shell("reboot"); // It may go down with the guest.
    EXPECT_EQ(running_->wait(), 133) << running_->output();
}

TEST_F(OwnInit, IsStoppedByTheSignalThatItUnderstands) {
    start();
    const Outcome stopped = host_.stead({"stop", "web"});
    EXPECT_EQ(stopped.code, 0) << stopped.err;
    EXPECT_EQ(running_->wait(), 0) << running_->output();
    EXPECT_TRUE(fs::exists(host_.folder() + "/root/root/was-shut-down"));
}

TEST_F(OwnInit, IsKilledWhereItDoesNotStopInTime) {
    host_.write("web.toml", "root = \"" + host_.folder() +
                                "/root\"\ninit = [\"/sbin/init\"]\n"
                                "init-stop-signal = \"WINCH\"\nstop-timeout = \"1s\"\n");
    start();
    EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(running_->wait(), 0) << running_->output();
    EXPECT_FALSE(fs::exists(host_.folder() + "/root/root/was-shut-down"));
}

TEST_F(OwnInit, KilledFromOutsideIsTheEndOfTheGuest) {
    start();
    EXPECT_EQ(host_.stead({"kill", "web/init", "-s", "KILL"}).code, 0);
    EXPECT_EQ(running_->wait(), 137) << running_->output();
}

TEST_F(OwnInit, MountsWhatItLikesAndStillReachesNothingOfTheHosts) {
    start();
    EXPECT_EQ(shell("mount -t tmpfs none /root && mount | grep -q ' /root '").code, 0);
    // It may take the masks away; behind them lies what belongs to ids it does not have.
    EXPECT_EQ(shell("umount /proc/sysrq-trigger; echo h >/proc/sysrq-trigger").code, 1);
    EXPECT_EQ(shell("umount /proc/kcore; head -c 1 /proc/kcore").code, 1);
    EXPECT_NE(shell("umount /proc/sys; echo 1 >/proc/sys/kernel/panic").code, 0);
    EXPECT_NE(shell("umount /sys/kernel/debug; ls /sys/kernel/debug/*").code, 0);
    EXPECT_NE(shell("unshare -U true").code, 0);
    EXPECT_NE(shell("mount -o remount,bind,rw /run/stead && touch /run/stead/x").code, 0);
    EXPECT_NE(shell("umount /run/stead").code, 0);
}

TEST_F(OwnInit, HasACgroupTreeOfItsOwn) {
    start();
    const Outcome moved = exec({"cat", "/run/below"});
    EXPECT_TRUE(has("\n" + moved.out, "\n0::/below\n")) << moved.out << moved.err;
    // A command from outside is in no tree of the init's: the host's mount may forbid its move.
    EXPECT_TRUE(has(exec({"cat", "/proc/self/cgroup"}).out, "0::/../"));
}

TEST_F(OwnInit, ThatIsMissingOrNoneIsToldByName) {
    const std::string root = host_.folder() + "/root";
    const auto refused = [&](const std::string& keys) {
        return host_.stead({"run", host_.write("bad.toml", "root = \"" + root + "\"\n" + keys)});
    };
    Outcome outcome = refused("init = [\"/sbin/nosuch\"]\n");
    EXPECT_EQ(outcome.code, 127);
    EXPECT_TRUE(has(outcome.out + outcome.err, "/sbin/nosuch does not exist")) << outcome.err;
    outcome = refused("init = [\"/etc/passwd\"]\n");
    EXPECT_EQ(outcome.code, 126);
    outcome = refused("init = \"systemd\"\n");
    EXPECT_EQ(outcome.code, 2);
    EXPECT_TRUE(has(outcome.err, "bad.toml:2:8")) << outcome.err;
    EXPECT_TRUE(has(outcome.err, "init is 'systemd'")) << outcome.err;
    outcome = refused("init = \"/sbin/init\"\nusers = \"host\"\n");
    EXPECT_EQ(outcome.code, 2);
    EXPECT_TRUE(has(outcome.err, "needs users = \"private\"")) << outcome.err;
    outcome = refused("init = \"/sbin/init\"\ntarget = \"web\"\n");
    EXPECT_EQ(outcome.code, 2);
    EXPECT_TRUE(has(outcome.err, "target means nothing")) << outcome.err;
    outcome = refused("init-stop-signal = \"USR2\"\n");
    EXPECT_EQ(outcome.code, 2);
    EXPECT_TRUE(has(outcome.err, "init-stop-signal is for")) << outcome.err;
}

} // namespace
} // namespace stead::system_test
