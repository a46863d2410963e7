#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "system/harness.h"

/// The devices that a guest may open. /dev/kmsg is on every host, and may be opened for writing by
/// whoever its permissions let.
namespace stead::system_test {
namespace {

constexpr const char* kWrite = ": >/dev/kmsg";
constexpr const char* kThere = "test -c /dev/kmsg";

class Devices : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        NEED_GUESTS();
        if (::access("/dev/kmsg", F_OK) != 0) GTEST_SKIP() << "needs /dev/kmsg";
        host_.write("units/main.toml", "command = [\"sleep\", \"100000\"]\n");
        write_guest("");
    }

    void TearDown() override {
        (void)host_.stead({"stop", "web"});
        EXPECT_EQ(host_.remains(), "");
    }

    void write_guest(const std::string& keys) {
        std::string text = "root = \"host\"\nephemeral = true\nusers = \"";
        text += std::string(GetParam()) + "\"\nunits = [\"" + host_.folder() + "/units\"]\n" + keys;
        host_.write("etc/guests/web.toml", text);
    }

    void start() {
        const Outcome outcome = host_.stead({"start", "web"});
        ASSERT_EQ(outcome.code, 0) << outcome.err;
    }

    [[nodiscard]] bool inside(const std::string& script) const {
        return host_.stead({"exec", "web", "-T", "--", "sh", "-c", script}).code == 0;
    }

    [[nodiscard]] Outcome set(const Words& words) const {
        Words all{"set", "web"};
        all.insert(all.end(), words.begin(), words.end());
        return host_.stead(all);
    }

    Host host_;
};

TEST_P(Devices, AreThoseOfItsFile) {
    write_guest("limits.devices = [\"/dev/kmsg w\"]\n");
    start();
    EXPECT_TRUE(inside(kWrite));
    EXPECT_FALSE(inside(": </dev/kmsg"));
    EXPECT_TRUE(inside(": </dev/null && : >/dev/zero && test ! -e /dev/mem"));
    const Outcome told = host_.stead({"explain", "web"});
    EXPECT_NE(told.out.find("/dev/kmsg (to write); the kernel refuses"), std::string::npos)
        << told.out;
}

TEST_P(Devices, AreNoneWhereNobodySaysSo) {
    start();
    EXPECT_FALSE(inside(kThere));
    EXPECT_TRUE(inside(": </dev/null && : </dev/urandom && : >/dev/full"));
}

TEST_P(Devices, AreGivenAndTakenWhileItRuns) {
    start();
    Outcome outcome = set({"devices=/dev/kmsg w"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(inside(kWrite));
    EXPECT_NE(host_.stead({"limits", "web"}).out.find("/dev/kmsg w"), std::string::npos);

    // Less may be done with the same node.
    outcome = set({"devices=/dev/kmsg r"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_FALSE(inside(kWrite));
    EXPECT_TRUE(inside(kThere));

    outcome = set({"devices=none"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_FALSE(inside(kThere));
    EXPECT_TRUE(inside(": </dev/null"));
}

TEST_P(Devices, AreKeptForTheNextStart) {
    start();
    ASSERT_EQ(set({"devices=/dev/kmsg w", "--save"}).code, 0);
    const Outcome outcome = host_.stead({"restart", "web"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(inside(kWrite));
}

TEST_P(Devices, GoBackWhenAnotherLevelIsRefused) {
    start();
    const Outcome outcome = set({"devices=/dev/kmsg w", "sem=1 1 1 2000000000"});
    ASSERT_NE(outcome.code, 0);
    EXPECT_FALSE(inside(kThere));
    ASSERT_EQ(set({"devices=/dev/kmsg w"}).code, 0);
    ASSERT_NE(set({"devices=none", "sem=1 1 1 2000000000"}).code, 0);
    EXPECT_TRUE(inside(kWrite));
}

TEST_P(Devices, ThatAreNoneAreRefusedByName) {
    start();
    for (const auto& [wish, why] :
         {std::pair{"devices=/dev/no-such-device", "the host has no /dev/no-such-device"},
          std::pair{"devices=/etc/passwd", "no path below /dev"},
          std::pair{"devices=/dev/kmsg rwm", "nobody inside makes devices"},
          std::pair{"devices=/dev/null", "the guest's own"}}) {
        const Outcome outcome = set({wish});
        EXPECT_EQ(outcome.code, 2) << wish;
        EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
    }
    EXPECT_EQ(host_.stead({"set", "web/main", "devices=/dev/kmsg"}).code, 2);
}

// Its root owns /dev: what it puts into a node's way is not followed, and nothing outside changes.
TEST_P(Devices, AreNotLedAwayByTheGuest) {
    start();
    ASSERT_TRUE(inside("ln -s /tmp/elsewhere /dev/kmsg"));
    EXPECT_NE(set({"devices=/dev/kmsg w"}).code, 0);
    ASSERT_TRUE(inside("rm /dev/kmsg; mkdir /tmp/away; ln -s /tmp/away /dev/cpu"));
    if (::access("/dev/cpu/0/msr", F_OK) == 0) {
        EXPECT_NE(set({"devices=/dev/cpu/0/msr r"}).code, 0);
        EXPECT_TRUE(inside("test -z \"$(ls -A /tmp/away)\""));
    }
    ASSERT_EQ(set({"devices=/dev/kmsg w"}).code, 0);
    EXPECT_TRUE(inside(kWrite));
    EXPECT_EQ(::access("/dev/kmsg", F_OK), 0);
}

INSTANTIATE_TEST_SUITE_P(Users,
                         Devices,
                         ::testing::Values("private", "host"),
                         [](const auto& tested) { return std::string(tested.param); });

} // namespace
} // namespace stead::system_test
