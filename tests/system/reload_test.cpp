#include <filesystem>
#include <optional>

#include <gtest/gtest.h>

#include "system/harness.h"

// Other unit files under a guest that runs, and commands left in it, with both kinds of users.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class Reload : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        NEED_GUESTS();
        unit("web", "command = \"sleep 1000\"\n");
        unit("gone", "command = \"sleep 1001\"\n");
        const std::string file = host_.write(
            "web.toml", "root = \"host\"\nephemeral = true\nusers = \"" + std::string(GetParam()) +
                            "\"\nunits = [\"" + host_.folder() + "/units\"]\n");
        guest_.emplace(host_.command({"run", file}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << guest_->output();
    }

    void TearDown() override {
        if (!guest_) return;
        EXPECT_EQ(host_.stead({"stop", "web"}).code, 0);
        EXPECT_EQ(guest_->wait(), 0) << guest_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    void unit(const std::string& name, const std::string& text) const {
        fs::create_directories(host_.folder() + "/units");
        host_.write("units/" + name + ".toml", text);
    }

    [[nodiscard]] std::string show(const std::string& unit) const {
        return host_.stead({"show", "web/" + unit}).out;
    }

    Host host_;
    std::optional<Background> guest_;
};

TEST_P(Reload, ChangesNothingForOneBadFileAndListsAllMistakes) {
    const int before = host_.pid_of("web/web");
    unit("web", "command = \"sleep 2000\"\n");
    unit("bad-1", "comand = 1\n");
    unit("bad-2", "command = [\n");
    const Outcome refused = host_.stead({"reload", "web"});
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_TRUE(contains(refused.err, "bad-1.toml:1:1: error: unknown key 'comand'"))
        << refused.err;
    EXPECT_TRUE(contains(refused.err, "bad-2.toml:1:")) << refused.err;
    EXPECT_TRUE(contains(show("web"), "changed=false"));
    EXPECT_EQ(host_.pid_of("web/web"), before);
}

TEST_P(Reload, KeepsWhatRunsUntilItIsRestarted) {
    const int web = host_.pid_of("web/web");
    const int gone = host_.pid_of("web/gone");
    // Nothing has changed: nothing looks changed, from the host or from inside.
    EXPECT_EQ(host_.stead({"reload", "web"}).code, 0);
    EXPECT_EQ(host_.stead({"exec", "web", "--", "/run/stead/bin/stead", "reload"}).code, 0);
    EXPECT_TRUE(contains(show("web"), "changed=false")) << show("web");

    unit("web", "command = \"sleep 2000\"\nrequires = [\"db\"]\n");
    unit("db", "command = \"sleep 3000\"\nenabled = false\n");
    fs::remove(host_.folder() + "/units/gone.toml");
    const Outcome reloaded = host_.stead({"reload", "web"});
    EXPECT_EQ(reloaded.code, 0) << reloaded.err;
    EXPECT_EQ(host_.pid_of("web/web"), web);
    EXPECT_EQ(host_.pid_of("web/gone"), gone);
    EXPECT_TRUE(contains(show("web"), "changed=true")) << show("web");
    EXPECT_TRUE(contains(show("gone"), "no_file=true")) << show("gone");
    EXPECT_TRUE(eventually([&] { return host_.pid_of("web/db") > 0; })) << "web needs it now";

    EXPECT_EQ(host_.stead({"restart", "web/web"}).code, 0);
    EXPECT_NE(host_.pid_of("web/web"), web);
    EXPECT_TRUE(contains(show("web"), "changed=false"));
    EXPECT_EQ(host_.stead({"stop", "web/gone"}).code, 0);
    EXPECT_EQ(host_.stead({"status", "web/gone"}).code, 5);
    EXPECT_EQ(host_.stead({"start", "web/gone"}).code, 5);
}

TEST_P(Reload, LeavesACommandBehindThatIsGoneWhenItIsDown) {
    const Words leave = {"exec", "web", "--unit", "job", "--detach", "--"};
    const auto with = [&](Words words) {
        words.insert(words.begin(), leave.begin(), leave.end());
        return host_.stead(words);
    };
    const Outcome left = with({"sh", "-c", "echo from the job; exec sleep 1000"});
    EXPECT_EQ(left.code, 0) << left.err;
    EXPECT_GT(host_.pid_of("web/job"), 0);
    EXPECT_EQ(with({"sleep", "1"}).code, 1) << "the name is taken";
    EXPECT_TRUE(eventually([&] {
        return contains(host_.stead({"logs", "web/job"}).out, "from the job");
    }));
    EXPECT_EQ(host_.stead({"reload", "web"}).code, 0);
    EXPECT_GT(host_.pid_of("web/job"), 0) << "a reload leaves it alone";
    EXPECT_EQ(host_.stead({"stop", "web/job"}).code, 0);
    EXPECT_EQ(host_.stead({"status", "web/job"}).code, 5);
    EXPECT_EQ(with({"/does/not/exist"}).code, 1);
    EXPECT_EQ(host_.stead({"exec", "web", "--detach", "--", "true"}).code, 2);
    EXPECT_EQ(host_.stead({"exec", "web", "--unit", "a/b", "--detach", "--", "true"}).code, 2);
}

TEST_P(Reload, EnablesAndDisablesUnitsByDropIns) {
    unit("extra", "command = \"sleep 4000\"\nenabled = false\n");
    EXPECT_EQ(host_.stead({"enable", "web/nothing"}).code, 5);
    const Outcome enabled = host_.stead({"enable", "web/extra"});
    EXPECT_EQ(enabled.code, 0) << enabled.err;
    EXPECT_EQ(host_.stead({"reload", "web"}).code, 0);
    EXPECT_TRUE(contains(show("extra"), "enabled=true")) << show("extra");
    EXPECT_TRUE(eventually([&] { return host_.pid_of("web/extra") > 0; })) << "new and enabled";
    EXPECT_EQ(host_.stead({"exec", "web", "--", "/run/stead/bin/stead", "disable", "extra"}).code,
              0);
    EXPECT_EQ(host_.stead({"reload", "web"}).code, 0);
    EXPECT_TRUE(contains(show("extra"), "enabled=false") ||
                contains(show("extra"), "changed=true"));
    EXPECT_GT(host_.pid_of("web/extra"), 0) << "that is for the next start";
}

INSTANTIATE_TEST_SUITE_P(Users, Reload, ::testing::Values("private", "host"));

TEST(ReloadOfAJail, IsRefusedWithAWayOutAndChangesNothing) {
    NEED_GUESTS();
    const Host host;
    const std::string file = host.write("web.toml", "profile = \"jail\"\n[unit.main]\ncommand = "
                                                    "\"sleep infinity\"\nlog = \"null\"\n");
    Background running(host.command({"run", file}), host.folder() + "/out");
    ASSERT_TRUE(eventually([&] { return host.ready("web"); })) << running.output();
    const int before = host.pid_of("web/main");
    const Outcome refused = host.stead({"reload", "web"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_TRUE(contains(refused.err, "'web' is a jail: its units are those of " + file))
        << refused.err;
    EXPECT_TRUE(contains(refused.err, "stead restart web")) << refused.err;
    EXPECT_EQ(host.pid_of("web/main"), before);
    EXPECT_EQ(host.stead({"stop", "web"}).code, 0);
    EXPECT_EQ(running.wait(), 0);

    Background alone(host.command({"jail", "--name", "alone", "--", "sleep", "infinity"}),
                     host.folder() + "/alone");
    ASSERT_TRUE(eventually([&] { return host.ready("alone"); })) << alone.output();
    const Outcome also = host.stead({"reload", "alone"});
    EXPECT_EQ(also.code, 1);
    EXPECT_TRUE(contains(also.err, "'alone' is a jail of the command line")) << also.err;
    EXPECT_EQ(host.stead({"stop", "alone"}).code, 0);
}

} // namespace
} // namespace stead::system_test
