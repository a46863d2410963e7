#include <signal.h>

#include <gtest/gtest.h>

#include "system/harness.h"

/// What units ask of the PID 1 that holds them, and what a person is asked before others go along.
namespace stead::system_test {
namespace {

class OwnUnit : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    void begin() {
        const std::string file =
            host_.write("web.toml", "root = \"host\"\nephemeral = true\nunits = [\"" +
                                        host_.folder() + "/units\"]\n");
        running_ =
            std::make_unique<Background>(host_.command({"run", file}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running_->output();
    }

    void TearDown() override {
        if (!running_) return;
        running_->signal(SIGTERM);
        EXPECT_EQ(running_->wait(), 0) << running_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    Host host_;
    std::unique_ptr<Background> running_;
};

TEST_F(OwnUnit, RestartsItselfThreeTimesByTheCommandAndGoesOn) {
    (void)host_.write("units/self.toml",
                      "command = [\"sh\", \"-c\", \"echo x >> /run/lives; "
                      "[ $(wc -l < /run/lives) -gt 3 ] || /run/stead/bin/stead restart self; "
                      "exec sleep 1000\"]\n");
    // One that stops itself, by a command that waits for the very end that ends it.
    (void)host_.write("units/shy.toml",
                      "command = [\"sh\", \"-c\", \"/run/stead/bin/stead stop shy; sleep 1000\"]\n"
                      "enabled = false\n");
    begin();
    const auto lives = [&] {
        return host_.stead({"exec", "web", "-T", "--", "sh", "-c", "wc -l < /run/lives"}).out;
    };
    EXPECT_TRUE(eventually([&] { return lives() == "4\n"; })) << lives();
    EXPECT_TRUE(eventually([&] { return host_.pid_of("web/self") > 0; }));
    EXPECT_EQ(host_.stead({"status", "web/self"}).code, 0);
    (void)host_.stead({"start", "web/shy", "--no-wait"});
    EXPECT_TRUE(eventually([&] { return host_.stead({"status", "web/shy"}).code == 3; }));
    EXPECT_EQ(host_.stead({"status", "web"}).code, 0);
}

TEST_F(OwnUnit, ThatOthersNeedIsStoppedOnlyWithThem) {
    (void)host_.write("units/db.toml", "command = \"sleep infinity\"\n");
    (void)host_.write("units/app.toml", "command = \"sleep infinity\"\nrequires = [\"db\"]\n");
    (void)host_.write("units/front.toml", "command = \"sleep infinity\"\nbinds-to = [\"app\"]\n");
    (void)host_.write("units/fan.toml", "command = \"sleep infinity\"\nwants = [\"db\"]\n");
    (void)host_.write("units/idle.toml",
                      "command = \"sleep infinity\"\nrequires = [\"db\"]\nenabled = false\n");
    begin();
    const int before = host_.pid_of("web/app");
    const Outcome refused = host_.stead({"stop", "web/db"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.err.find("needed by what runs: app, front\n"), std::string::npos)
        << refused.err;
    EXPECT_NE(refused.err.find("--force"), std::string::npos) << refused.err;
    EXPECT_EQ(host_.pid_of("web/app"), before) << "nothing was stopped";
    EXPECT_EQ(host_.stead({"stop", "web/db", "web/app"}).code, 1) << "front is not named";

    EXPECT_EQ(host_.stead({"stop", "web/db", "web/app", "web/front"}).code, 0);
    EXPECT_EQ(host_.pid_of("web/app"), 0);
    EXPECT_EQ(host_.stead({"start", "web/front"}).code, 0);
    EXPECT_EQ(host_.stead({"stop", "web/db", "--force"}).code, 0);
    EXPECT_EQ(host_.pid_of("web/front"), 0);
    EXPECT_EQ(host_.stead({"stop", "web/db"}).code, 0) << "nobody needs it any more";
    EXPECT_GT(host_.pid_of("web/fan"), 0) << "who only wants it stays";
}

} // namespace
} // namespace stead::system_test
