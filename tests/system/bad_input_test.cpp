#include <sys/stat.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "system/harness.h"

namespace stead::system_test {
namespace {

/// Each mistake: a message with place, fact and way out; an exit code; nothing started, nothing
/// left.
class BadInput : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    void TearDown() override { EXPECT_EQ(host_.remains(), ""); }

    /// Whether `stead WORDS...` leaves with `code` and says each of `said`.
    [[nodiscard]] ::testing::AssertionResult
    refused(const Words& words, int code, const Words& said) const {
        const Outcome outcome = host_.stead(words);
        const std::string all = outcome.out + outcome.err;
        if (outcome.code != code)
            return ::testing::AssertionFailure()
                   << "code " << outcome.code << ", not " << code << ":\n"
                   << all;
        for (const std::string& text : said) {
            if (all.find(text) == std::string::npos)
                return ::testing::AssertionFailure() << "no '" << text << "' in:\n" << all;
        }
        return ::testing::AssertionSuccess();
    }

    [[nodiscard]] std::string guest(const std::string& text) const {
        return host_.write("guest.toml", text);
    }

    Host host_;
};

TEST_F(BadInput, AMissingFile) {
    EXPECT_TRUE(refused({"run", host_.folder() + "/none.toml"}, 2, {"none.toml", "No such file"}));
    EXPECT_TRUE(
        refused({"check", host_.folder() + "/none.toml"}, 1, {"none.toml", "No such file"}));
    EXPECT_TRUE(refused({"check", "nobody"}, 1, {"nobody: No such file", "no guest of this name"}));
}

TEST_F(BadInput, AMistakeInTheFileOfAGuestThatIsNamed) {
    host_.write("etc/guests/web.toml", "root = \"/\"\n");
    host_.write("etc/guests/web.toml.d/over.toml", "rot = \"/\"\n");
    EXPECT_TRUE(refused({"check", "web"}, 2, {"over.toml:1:1", "root"}));
}

TEST_F(BadInput, AFileThatIsNoFile) {
    const std::string fifo = host_.folder() + "/fifo.toml";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_TRUE(refused({"check", fifo}, 2, {"fifo.toml"}));
    EXPECT_TRUE(refused({"run", fifo}, 2, {"fifo.toml"}));
    std::filesystem::create_directories(host_.folder() + "/folder.toml");
    EXPECT_TRUE(refused({"run", host_.folder() + "/folder.toml"}, 2, {"folder.toml"}));
}

TEST_F(BadInput, AnUnknownKey) {
    EXPECT_TRUE(refused({"run", guest("profile = \"jail\"\nrooot = \"/\"\n")}, 2,
                        {"guest.toml:2:1", "rooot", "root"}));
}

TEST_F(BadInput, AWrongType) {
    EXPECT_TRUE(
        refused({"run", guest("root = 5\n")}, 2, {"guest.toml:1:8", "root is 5", "absolute path"}));
}

TEST_F(BadInput, TextThatIsNoToml) {
    EXPECT_TRUE(refused({"run", guest("root = \n")}, 2, {"guest.toml:1"}));
}

TEST_F(BadInput, AKeyWhoseTimeHasNotCome) {
    EXPECT_TRUE(refused({"run", guest("profile = \"jail\"\narchitectures = [\"x86\"]\n"
                                      "[unit.it]\ncommand = \"true\"\n")},
                        2, {"not supported yet"}));
}

TEST_F(BadInput, ARootThatIsNoRoot) {
    EXPECT_TRUE(refused({"run", guest("root = \"/there/is/none\"\n")}, 2,
                        {"guest.toml:1", "/there/is/none"}));
    EXPECT_TRUE(
        refused({"run", guest("root = \"/etc/passwd\"\n")}, 2, {"guest.toml:1", "/etc/passwd"}));
}

TEST_F(BadInput, AUserThatIsNot) {
    EXPECT_TRUE(refused(
        {"run",
         guest("profile = \"jail\"\n[unit.main]\ncommand = \"true\"\nuser = \"nobody-at-all\"\n")},
        2, {"guest.toml:4", "nobody-at-all"}));
    EXPECT_TRUE(refused(
        {"run", guest("profile = \"jail\"\n[unit.main]\ncommand = \"true\"\nuser = \"root\"\n")}, 2,
        {"guest.toml:4", "root"}));
}

TEST_F(BadInput, AProgramThatIsNot) {
    EXPECT_TRUE(refused(
        {"run", guest("profile = \"jail\"\n[unit.main]\ncommand = \"/usr/bin/no-such-program\"\n")},
        2, {"guest.toml:3", "/usr/bin/no-such-program"}));
}

TEST_F(BadInput, AJailWithoutAnyUnit) {
    EXPECT_TRUE(refused({"run", guest("profile = \"jail\"\n")}, 2, {"guest.toml", "unit"}));
}

TEST_F(BadInput, ANameWithASlash) {
    const std::string file = guest("profile = \"jail\"\n[unit.main]\ncommand = \"true\"\n");
    EXPECT_TRUE(refused({"run", "--name", "a/b", file}, 2, {"a/b", "name"}));
    EXPECT_TRUE(refused({"jail", "--name", "../x", "--", "true"}, 2, {"../x"}));
    EXPECT_TRUE(refused({"cleanup", "../../etc"}, 2, {"../../etc"}));
}

TEST_F(BadInput, AGuestThatNobodyHasHeardOf) {
    EXPECT_TRUE(refused({"run", "nobody-knows"}, 5, {"nobody-knows", "/guests/nobody-knows.toml"}));
    EXPECT_TRUE(refused({"explain", "nobody-knows"}, 5, {"nobody-knows"}));
}

TEST_F(BadInput, ACycleIsToldAsItsWholePath) {
    host_.write("units/a.toml", "command = \"true\"\nrequires = [\"b\"]\n");
    host_.write("units/b.toml", "command = \"true\"\nrequires = [\"c\"]\n");
    host_.write("units/c.toml", "command = \"true\"\nrequires = [\"a\"]\n");
    EXPECT_TRUE(
        refused({"check", host_.folder() + "/units"}, 2, {"a.toml:2", "b.toml:2", "c.toml:2"}));
}

TEST_F(BadInput, AllMistakesOfAllFilesAtOnce) {
    host_.write("units/a.toml", "command = \"true\"\ntypo = 1\numask = 5\n");
    host_.write("units/b.toml", "command = \"true\"\nrestart = \"sometimes\"\n");
    EXPECT_TRUE(refused({"check", host_.folder() + "/units"}, 2,
                        {"a.toml:2:1", "a.toml:3", "b.toml:2", "3 mistakes"}));
}

TEST_F(BadInput, ACompileWithoutAnyUnitNamesItsFolder) {
    std::filesystem::create_directories(host_.folder() + "/empty");
    EXPECT_TRUE(refused({"compile", host_.folder() + "/empty", "-o", host_.folder() + "/plan"}, 2,
                        {"/empty"}));
    EXPECT_FALSE(std::filesystem::exists(host_.folder() + "/plan"));
}

TEST_F(BadInput, ACompileOfAWrongUnitWritesNothing) {
    host_.write("units/a.toml", "command = \"true\"\ntypo = 1\n");
    host_.write("units/b.toml", "command = \"true\"\n");
    EXPECT_TRUE(refused({"compile", host_.folder() + "/units", "-o", host_.folder() + "/plan"}, 2,
                        {"a.toml:2:1"}));
    EXPECT_FALSE(std::filesystem::exists(host_.folder() + "/plan"));
}

TEST_F(BadInput, AVerbThatIsNone) {
    EXPECT_TRUE(refused({"stauts"}, 2, {"stauts", "did you mean 'status'"}));
    EXPECT_TRUE(refused({"frobnicate"}, 2, {"frobnicate", "stead --help"}));
    EXPECT_TRUE(refused({"help", "stauts"}, 2, {"did you mean 'status'"}));
    EXPECT_TRUE(refused({"help", "jail"}, 0, {"stead jail", "--capability"}));
    for (const std::string verb :
         {"run",    "jail",   "exec", "enter",    "start",    "stop",   "restart",
          "reload", "kill",   "wait", "shutdown", "poweroff", "reboot", "explain",
          "list",   "status", "show", "logs",     "check",    "compile"})
        EXPECT_TRUE(refused({verb, "--help"}, 0, {"stead " + verb}));
}

TEST_F(BadInput, ACheckOfNothingFindsNoMistakeEither) {
    const Outcome outcome = host_.stead({"check", host_.folder() + "/none"});
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
}

TEST_F(BadInput, AnUnknownOption) {
    EXPECT_TRUE(refused({"jail", "--no-such-option", "--", "true"}, 2, {"--no-such-option"}));
    EXPECT_TRUE(refused({"jail"}, 2, {"CMD"}));
    EXPECT_TRUE(refused({"jail", "-o", "novalue", "--", "true"}, 2, {"novalue"}));
    EXPECT_TRUE(refused({"jail", "-o", "no-such-key=1", "--", "true"}, 2, {"no-such-key"}));
}

TEST_F(BadInput, ALevelWithoutItsController) {
    if (std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers"))
        GTEST_SKIP() << "needs a host without the memory controller on cgroup2";
    EXPECT_TRUE(refused({"jail", "--memory-max", "64M", "--", "true"}, 2, {"memory"}));
}

TEST_F(BadInput, WithoutThePrivilegeItSaysWhatIsMissing) {
    // setpriv(1) takes a capability from root, who then is no ordinary user either.
    Words words{"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"};
    const Outcome probe = run_program({"setpriv", "--version"});
    if (probe.code != 0) GTEST_SKIP() << "needs setpriv(1)";
    for (const std::string& word : host_.command({"jail", "--", "true"}))
        words.push_back(word);
    std::filesystem::permissions(host_.folder(), std::filesystem::perms::all);
    const Outcome outcome = run_program(words);
    EXPECT_EQ(outcome.code, 1) << outcome.err;
    EXPECT_NE(outcome.err.find("root"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("SYS_ADMIN"), std::string::npos) << outcome.err;
}

} // namespace
} // namespace stead::system_test
