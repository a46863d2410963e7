#include <gtest/gtest.h>

#include "cli/command.h"

namespace stead::cli {

namespace {

constexpr const char* kLinks = "/etc/systemd/system/multi-user.target.wants/";

/// A folder tree that a package has put two services into, the first of which brings the second.
class SystemctlLinks : public ::testing::Test {
protected:
    void SetUp() override {
        const std::string long_name(64, 'b'); // on the heap, as most names are
        second_ = long_name + ".service";
        machine_.write("usr/lib/systemd/system/a.service",
                       "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=multi-user.target\nAlso=" +
                           second_ + "\n");
        machine_.write("usr/lib/systemd/system/" + second_,
                       "[Service]\nExecStart=/bin/b\n[Install]\nWantedBy=multi-user.target\n");
    }

    [[nodiscard]] Outcome systemctl(std::vector<std::string> words) const {
        words.insert(words.begin(), {"--root", machine_.root});
        return machine_.run_systemctl(words);
    }

    [[nodiscard]] bool enabled(const std::string& name) const {
        return std::filesystem::is_symlink(machine_.root + kLinks + name);
    }

    Machine machine_;
    std::string second_;
};

TEST_F(SystemctlLinks, OfAlsoComeAndGoWithTheUnitThatNamesThem) {
    const Outcome enable = systemctl({"enable", "a"});
    ASSERT_EQ(enable.code, 0) << enable.err;
    EXPECT_TRUE(enabled("a.service"));
    EXPECT_TRUE(enabled(second_));

    const Outcome disable = systemctl({"disable", "a"});
    ASSERT_EQ(disable.code, 0) << disable.err;
    EXPECT_FALSE(enabled("a.service"));
    EXPECT_FALSE(enabled(second_));
}

TEST_F(SystemctlLinks, AreNotMadeForAUnitThatIsNotThere) {
    const Outcome enable = systemctl({"enable", "nobody"});
    EXPECT_NE(enable.code, 0);
    EXPECT_NE(enable.err.find("nobody.service does not exist"), std::string::npos) << enable.err;
}

TEST_F(SystemctlLinks, AreNotMadeForAMaskedUnit) {
    ASSERT_EQ(systemctl({"mask", "a"}).code, 0);
    const Outcome enable = systemctl({"enable", "a"});
    EXPECT_NE(enable.code, 0);
    EXPECT_NE(enable.err.find("is masked"), std::string::npos) << enable.err;
    EXPECT_FALSE(enabled("a.service"));
}

} // namespace

} // namespace stead::cli
