#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "images/tar_text.h"
#include "system/harness.h"
#include "system/image_root.h"

/// Guests on images: what they change, and what is done with that.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

class ImageGuest : public ::testing::Test {
protected:
    void SetUp() override {
        NEED_GUESTS();
        const std::string tar = make_busybox_root(host_);
        ASSERT_EQ(host_.stead({"image", "import", tar, "--name", "bb"}).code, 0);
    }

    void TearDown() override {
        if (IsSkipped()) return;
        EXPECT_EQ(host_.stead({"stop", "--all", "--force"}).code, 0);
        EXPECT_TRUE(eventually([&] { return host_.remains().empty(); })) << host_.remains();
        const Outcome checked = host_.stead({"image", "check", "bb"});
        EXPECT_EQ(checked.code, 0) << "the image is what it was: " << checked.out;
    }

    void create(const std::string& name, const Words& settings = {}) const {
        Words words{"create", name, "image=bb"};
        words.insert(words.end(), settings.begin(), settings.end());
        const Outcome created = host_.stead(words);
        ASSERT_EQ(created.code, 0) << created.err;
    }

    void start(const std::string& name) const {
        const Outcome started = host_.stead({"start", name});
        ASSERT_EQ(started.code, 0) << started.err;
    }

    void stop(const std::string& name) const { ASSERT_EQ(host_.stead({"stop", name}).code, 0); }

    /// What `sh -c SCRIPT` in the guest prints.
    [[nodiscard]] std::string sh(const std::string& name, const std::string& script) const {
        const Outcome done = host_.stead({"exec", name, "--", "sh", "-c", script});
        EXPECT_EQ(done.code, 0) << script << ": " << done.err;
        return done.out;
    }

    [[nodiscard]] std::string diff(const std::string& name) const {
        const Outcome done = host_.stead({"diff", name});
        EXPECT_EQ(done.code, 0) << done.err;
        return done.out;
    }

    Host host_;
};

TEST_F(ImageGuest, HasOursAboveTheImageAndItsOwnAboveThat) {
    for (const std::string users : {"private", "host"}) {
        create(users, {"users=" + users, "hostname=shop"});
        start(users);
        EXPECT_EQ(sh(users, "cat /etc/hostname; hostname"), "shop\nshop\n");
        EXPECT_NE(sh(users, "cat /etc/hosts").find("127.0.1.1 shop"), std::string::npos);
        const std::string id = sh(users, "cat /etc/machine-id");
        EXPECT_EQ(id.size(), 33U);
        EXPECT_EQ(sh(users, "readlink /usr/sbin/reboot"), "/run/stead/bin/stead\n");
        EXPECT_EQ(sh(users, "stat -c %u:%g:%a / /etc /etc/passwd /etc/hosts"),
                  "0:0:755\n0:0:755\n0:0:644\n0:0:644\n");
        EXPECT_EQ(diff(users), "") << "nothing has been changed";

        (void)sh(users, "echo mine >/etc/hostname; touch /new; chown 1000 /new; rm /bin/mv");
        stop(users);
        const std::string disk = host_.folder() + "/lib/guests/" + users + "/disk";
        EXPECT_EQ(run_program({"stat", "-c", "%u", disk + "/upper/new"}).out, "1000\n")
            << "plain ids on disk";
        start(users);
        EXPECT_EQ(sh(users, "cat /etc/hostname"), "mine\n");
        EXPECT_EQ(sh(users, "cat /etc/machine-id"), id) << "it stays";
        EXPECT_EQ(diff(users), "removed /bin/mv\nadded   /etc/hostname\nadded   /new\n");
    }
    EXPECT_EQ(fs::status(host_.folder() + "/lib/guests/host").permissions(), fs::perms::owner_all);
}

TEST_F(ImageGuest, HasTheMachineIdOfItsFile) {
    const std::string id = "8d1c2ab0a3c94c5ba2e1c7a3b0c1d2e3";
    create("web");
    start("web");
    (void)sh("web", "echo mine >/etc/machine-id");
    stop("web");
    const std::string file = host_.folder() + "/etc/guests/web.toml";
    std::ifstream old(file);
    const std::string text{std::istreambuf_iterator<char>(old), std::istreambuf_iterator<char>()};
    std::ofstream(file) << "machine-id = \"" << id << "\"\n" << text;
    start("web");
    EXPECT_EQ(sh("web", "cat /etc/machine-id"), id + "\n");
    EXPECT_EQ(sh("web", "echo other >/etc/machine-id || cat /etc/machine-id"), id + "\n");
    stop("web");
    std::ofstream(file) << text;
    start("web");
    EXPECT_EQ(sh("web", "cat /etc/machine-id"), "mine\n") << "only covered";
}

TEST_F(ImageGuest, RebootAndShutdownInsideAreSteads) {
    create("web");
    start("web");
    (void)sh("web", "touch /tmp/before");
    (void)host_.stead({"exec", "web", "--", "/usr/sbin/reboot"});
    EXPECT_TRUE(eventually([&] {
        return host_.ready("web") &&
               host_.stead({"exec", "web", "--", "sh", "-c", "[ -e /tmp/before ] || echo gone"})
                       .out == "gone\n";
    }));
    EXPECT_EQ(host_.stead({"exec", "web", "--", "shutdown", "-h", "+5"}).code, 2);
    (void)host_.stead({"exec", "web", "--", "shutdown", "-h", "now"});
    EXPECT_TRUE(eventually([&] { return host_.stead({"status", "web"}).code == 3; }));
}

TEST_F(ImageGuest, SnapshotsAreRestoredAndResetGivesTheImageBack) {
    create("web");
    EXPECT_EQ(host_.stead({"snapshot", "web", "s"}).code, 1) << "never started";
    start("web");
    (void)sh("web", "mkdir -p /srv/d && echo 1 >/srv/d/f && rm -r /etc/stead/units/it.toml && "
                    "ln /srv/d/f /srv/same && ln -s f /srv/d/l && chmod 4755 /srv/d/f");
    stop("web");
    ASSERT_EQ(host_.stead({"snapshot", "web", "s"}).code, 0);
    EXPECT_EQ(host_.stead({"snapshot", "web", "s"}).code, 1) << "taken";
    EXPECT_EQ(host_.stead({"snapshot", "web", "../x"}).code, 2);
    EXPECT_EQ(host_.stead({"snapshot", "web"}).out, "s\n");
    const std::string then = diff("web");
    ASSERT_EQ(host_.stead({"reset", "web"}).code, 2) << "nobody can be asked";
    ASSERT_EQ(host_.stead({"reset", "web", "--yes"}).code, 0);
    EXPECT_EQ(diff("web"), "");
    start("web");
    (void)sh("web", "echo 2 >/other");
    stop("web");
    EXPECT_EQ(host_.stead({"restore", "web", "none"}).code, 5);
    ASSERT_EQ(host_.stead({"restore", "web", "s"}).code, 0);
    EXPECT_EQ(diff("web"), then);
    const std::string upper = host_.folder() + "/lib/guests/web/disk/upper";
    EXPECT_EQ(fs::hard_link_count(upper + "/srv/same"), 2U);
    EXPECT_EQ(run_program({"stat", "-c", "%a", upper + "/srv/d/f"}).out, "4755\n");
    EXPECT_EQ(host_.stead({"snapshot", "--delete", "web", "s"}).code, 0);
    EXPECT_EQ(host_.stead({"snapshot", "web"}).out, "");
}

TEST_F(ImageGuest, StandsStillWhileItIsCopiedAndGoesOnAfterwards) {
    create("web");
    start("web");
    // Whatever moment the copy shows: the second file is never ahead of the first.
    const Outcome left =
        host_.stead({"exec", "web", "--unit", "writer", "--detach", "--", "sh", "-c",
                     "mkdir /srv; i=0; while :; do i=$((i+1)); echo $i >/srv/x; mv /srv/x /srv/1; "
                     "echo $i >/srv/x; mv /srv/x /srv/2; done"});
    ASSERT_EQ(left.code, 0) << left.err;
    ASSERT_TRUE(eventually([&] {
        return host_.stead({"exec", "web", "cat", "/srv/2"}).code == 0;
    }));
    for (const char* name : {"one", "two", "three"}) {
        ASSERT_EQ(host_.stead({"snapshot", "web", name}).code, 0);
        const std::string upper =
            host_.folder() + "/lib/guests/web/snapshots/" + name + "/upper/srv/";
        const int first = std::stoi(read_text(upper + "1"));
        const int second = std::stoi(read_text(upper + "2"));
        EXPECT_TRUE(first == second || first == second + 1) << first << ", " << second;
        const std::string then = sh("web", "cat /srv/2");
        EXPECT_TRUE(eventually([&] { return sh("web", "cat /srv/2") != then; })) << "it goes on";
    }
    EXPECT_EQ(host_.stead({"snapshot", "--delete", "web", "two"}).code, 0);
    EXPECT_EQ(host_.stead({"snapshot", "web"}).out, "one\nthree\n");
    EXPECT_EQ(host_.stead({"restore", "web", "one"}).code, 1) << "it runs";
}

TEST_F(ImageGuest, GoesOnWhenTheCommandThatCopiesItIsKilled) {
    create("web");
    start("web");
    const std::string files = std::to_string(times(3000));
    (void)sh("web", "i=0; while [ $i -lt " + files + " ]; do echo $i >/srv-$i; i=$((i+1)); done");
    const int step = emulated() ? 12 : 3;
    for (int after = 1; after < 40; after += step) {
        Background copying(host_.command({"snapshot", "web", "s"}), host_.folder() + "/copying");
        std::this_thread::sleep_for(std::chrono::milliseconds(after));
        copying.signal(SIGKILL);
        (void)copying.wait();
        EXPECT_TRUE(eventually([&] { return sh("web", "echo alive") == "alive\n"; })) << after;
        if (host_.stead({"snapshot", "web"}).out == "s\n") {
            EXPECT_EQ(host_.stead({"snapshot", "--delete", "web", "s"}).code, 0);
        }
    }
    ASSERT_EQ(host_.stead({"snapshot", "web", "s"}).code, 0);
    const std::string last = "srv-" + std::to_string(times(3000) - 1);
    EXPECT_TRUE(fs::exists(host_.folder() + "/lib/guests/web/snapshots/s/upper/" + last));
}

TEST_F(ImageGuest, AFolderThatWasMadeAnewHidesTheImages) {
    create("web");
    start("web");
    (void)sh("web", "rm -r /etc/stead && mkdir /etc/stead && touch /etc/stead/new");
    EXPECT_EQ(diff("web"),
              "changed /etc/stead\nadded   /etc/stead/new\nremoved /etc/stead/units\n");
    stop("web");
    ASSERT_EQ(host_.stead({"clone", "web", "web2"}).code, 0);
    EXPECT_EQ(diff("web2"), diff("web")) << "the copy hides them too";
}

TEST_F(ImageGuest, ACloneIsAGuestOfItsOwn) {
    create("web", {"description=Shop"});
    ASSERT_EQ(host_.stead({"clone", "web", "empty"}).code, 0) << "never started";
    start("web");
    (void)sh("web", "echo kept >/srv-file");
    const std::string id = sh("web", "cat /etc/machine-id");
    ASSERT_EQ(host_.stead({"clone", "web", "early"}).code, 0) << "it runs";
    stop("web");
    start("early");
    EXPECT_EQ(sh("early", "cat /srv-file"), "kept\n");
    EXPECT_EQ(host_.stead({"clone", "web", "empty"}).code, 1) << "taken";
    EXPECT_EQ(host_.stead({"clone", "web", "bad", "memroy-max=1"}).code, 2);
    EXPECT_FALSE(fs::exists(host_.folder() + "/etc/guests/bad.toml.d"));
    EXPECT_FALSE(fs::exists(host_.folder() + "/lib/guests/bad"));
    ASSERT_EQ(host_.stead({"clone", "web", "web2", "hostname=other"}).code, 0);
    start("web");
    start("web2");
    EXPECT_EQ(sh("web2", "cat /srv-file; hostname"), "kept\nother\n");
    EXPECT_NE(sh("web2", "cat /etc/machine-id"), id);
    (void)sh("web2", "rm /srv-file");
    EXPECT_EQ(sh("web", "cat /srv-file"), "kept\n");
}

TEST_F(ImageGuest, AnImageInUseStays) {
    create("web");
    const Outcome refused = host_.stead({"image", "delete", "bb"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("used by web"), std::string::npos) << refused.err;
    start("web");
    stop("web");
    ASSERT_EQ(host_.stead({"delete", "web", "--yes"}).code, 0);
    EXPECT_FALSE(fs::exists(host_.folder() + "/lib/guests/web"));
    create("other");
    fs::remove(host_.folder() + "/etc/guests/other.toml");
    ASSERT_EQ(host_.stead({"image", "import", host_.folder() + "/root", "--name", "gone"}).code, 0);
    EXPECT_EQ(host_.stead({"image", "delete", "gone"}).code, 0);
    const Outcome missing = host_.stead({"create", "web", "image=gone"});
    EXPECT_EQ(missing.code, 2);
    EXPECT_NE(missing.err.find("there is no image 'gone'"), std::string::npos) << missing.err;
}

TEST_F(ImageGuest, ChangesStayWithTheirImage) {
    create("web");
    start("web");
    stop("web");
    ASSERT_EQ(run_program({"touch", host_.folder() + "/root/etc/newer"}).code, 0);
    fs::rename(host_.folder() + "/lib/images/bb", host_.folder() + "/bb");
    ASSERT_EQ(host_.stead({"image", "import", host_.folder() + "/root", "--name", "bb"}).code, 0);
    const Outcome refused = host_.stead({"start", "web"});
    EXPECT_NE(refused.code, 0);
    EXPECT_NE(refused.err.find("older image of that name"), std::string::npos) << refused.err;
    ASSERT_EQ(host_.stead({"reset", "web", "--yes"}).code, 0);
    start("web");
    EXPECT_EQ(sh("web", "ls /etc/newer"), "/etc/newer\n");
}

TEST_F(ImageGuest, EphemeralAndReadOnlyOnesChangeNothing) {
    create("memory", {"ephemeral=true"});
    start("memory");
    EXPECT_EQ(sh("memory", "touch /new; ls /new; cat /etc/hostname"), "/new\nmemory\n");
    stop("memory");
    create("fixed", {"read-only=true"});
    start("fixed");
    EXPECT_EQ(sh("fixed", "touch /new 2>/dev/null || cat /etc/hostname"), "fixed\n");
    stop("fixed");
    for (const char* name : {"memory", "fixed"})
        EXPECT_FALSE(fs::exists(host_.folder() + "/lib/guests/" + name + "/disk")) << name;
}

TEST_F(ImageGuest, BindsNeedNoPlaceInTheImage) {
    host_.write("data/file", "outside\n");
    create("web", {"users=host", "bind=[\"" + host_.folder() + "/data:/srv/a/b\"]"});
    start("web");
    EXPECT_EQ(sh("web", "cat /srv/a/b/file"), "outside\n");
    EXPECT_FALSE(fs::exists(host_.folder() + "/lib/images/bb/root/srv"));
}

TEST_F(ImageGuest, ClonesSnapshotsAndRestoresMayBeKilledAnywhere) {
    create("web");
    start("web");
    (void)sh("web", "for i in 1 2 3 4 5 6 7 8 9; do mkdir /d$i; echo $i >/d$i/f; done");
    stop("web");
    ASSERT_EQ(host_.stead({"snapshot", "web", "base"}).code, 0);
    const std::string whole = diff("web");
    const auto kill_at = [&](const Words& words, int round) {
        Background command(host_.command(words), host_.folder() + "/out");
        std::this_thread::sleep_for(std::chrono::microseconds(round * (emulated() ? 12000 : 1200)));
        command.signal(SIGKILL);
        (void)command.wait();
    };
    for (int round = 0; round < (emulated() ? 5 : 16); ++round) {
        kill_at({"restore", "web", "base"}, round);
        EXPECT_EQ(diff("web"), whole) << "before or after, both are the same";
        kill_at({"snapshot", "web", "s"}, round);
        const bool there = host_.stead({"snapshot", "web"}).out == "base\ns\n";
        EXPECT_EQ(host_.stead({"snapshot", "web", "s"}).code, there ? 1 : 0);
        EXPECT_EQ(host_.stead({"snapshot", "--delete", "web", "s"}).code, 0);
        kill_at({"clone", "web", "web2"}, round);
        const bool cloned = fs::exists(host_.folder() + "/etc/guests/web2.toml");
        EXPECT_EQ(host_.stead({"clone", "web", "web2"}).code, cloned ? 1 : 0);
        EXPECT_EQ(diff("web2"), whole);
        EXPECT_EQ(host_.stead({"delete", "web2", "--yes"}).code, 0);
    }
    for (const auto& entry : fs::directory_iterator(host_.folder() + "/lib/guests/web"))
        EXPECT_NE(entry.path().filename().string().front(), '.') << entry.path();
}

TEST_F(ImageGuest, AnOciImagesProgramIsItsUnit) {
    const std::string json = host_.folder() + "/lib/images/bb/image.json";
    auto image = nlohmann::json::parse(read_text(json));
    image["configuration"] = {{"os", "linux"},
                              {"config",
                               {{"Entrypoint", {"/bin/sh", "-c"}},
                                {"Cmd", {"echo ready \"$GREETING\" as $(id -u); exec sleep 1000"}},
                                {"Env", {"GREETING=good day", "PATH=/bin"}},
                                {"User", "app"},
                                {"WorkingDir", "/var"},
                                {"StopSignal", "SIGKILL"}}}};
    write_text(json, image.dump());
    create("single");
    start("single");
    EXPECT_TRUE(eventually([&] {
        return host_.stead({"logs", "single/main"}).out.find("ready good day as 1000") !=
               std::string::npos;
    })) << host_.stead({"logs", "single"}).out;
}

} // namespace
} // namespace stead::system_test
