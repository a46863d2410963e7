#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "system/harness.h"

/// What units' own sandboxes leave of a program that does not want to be in one.
namespace stead::system_test {
namespace {

namespace fs = std::filesystem;

class Sandbox : public ::testing::Test {
protected:
    void SetUp() override { NEED_GUESTS(); }

    void TearDown() override {
        if (!running_) return;
        running_->signal(SIGTERM);
        EXPECT_EQ(running_->wait(), 0) << running_->output();
        EXPECT_EQ(host_.remains(), "");
    }

    /// A unit that tries `operations` and stays; `keys` are the rest of its file.
    void add(const std::string& name, const Words& operations, const std::string& keys) {
        std::string list;
        for (const std::string& operation : operations)
            list += ", \"" + operation + "\"";
        host_.write("units/" + name + ".toml",
                    "type = \"oneshot\"\ncommand = [\"/probe/sandboxed\"" + list + "]\n" + keys);
    }

    void start(const std::string& users, const std::string& keys = {}) {
        host_.write("probe/keep", "");
        fs::copy_file(STEAD_BIN "/sandboxed", host_.folder() + "/probe/sandboxed");
        const std::string folder = host_.folder();
        const std::string file =
            host_.write("web.toml", "root = \"host\"\nephemeral = true\nusers = \"" + users +
                                        "\"\nunits = [\"" + folder + "/units\"]\nbind = [\"" +
                                        folder + "/probe:/probe:ro\"]\n" + keys);
        running_ =
            std::make_unique<Background>(host_.command({"run", file}), host_.folder() + "/out");
        ASSERT_TRUE(eventually([&] { return host_.ready("web"); })) << running_->output();
    }

    /// Whether the unit's operation came to `end`: "socket:packet", "EAFNOSUPPORT".
    [[nodiscard]] ::testing::AssertionResult
    came_to(const std::string& unit, const std::string& operation, const std::string& end) const {
        const std::string wanted = operation + "=" + end + "\n";
        std::string said;
        if (eventually([&] {
                said = host_.stead({"logs", "web/" + unit}).out;
                return said.find(wanted) != std::string::npos;
            }))
            return ::testing::AssertionSuccess();
        return ::testing::AssertionFailure()
               << "no " << wanted << " in\n"
               << said << running_->output() << host_.stead({"status", "web/" + unit}).out;
    }

    Host host_;
    std::unique_ptr<Background> running_;
};

const Words kFilterProbes{
    "socket:unix",      "socket:inet",       "socket:netlink", "socket:packet",  "socket:alg",
    "socket:high-word", "socket:old-packet", "memory:write",   "memory:execute", "memory:both",
    "memory:later",     "memory:key",        "memory:shared",  "memory:implied", "unshare:user",
    "unshare:mount",    "socket:pair"};

TEST_F(Sandbox, FiltersHoldInAGuestWithUsersOfItsOwn) {
    add("plain", kFilterProbes, "");
    add("narrow", kFilterProbes,
        "address-families = [\"inet\", \"AF_NETLINK\", \"!netlink\"]\nwrite-execute = false\n");
    add("user", kFilterProbes,
        "user = \"nobody\"\naddress-families = [\"unix\"]\nwrite-execute = false\n"
        "system-call-error = \"EXDEV\"\n");
    start("private");
    for (const char* good : {"socket:unix", "socket:inet", "socket:netlink", "memory:both",
                             "memory:later", "memory:shared", "socket:pair"})
        EXPECT_TRUE(came_to("plain", good, "ok"));
    for (const char* unit : {"plain", "narrow", "user"}) {
        for (const char* family : {"packet", "alg", "high-word", "old-packet"})
            EXPECT_TRUE(came_to(unit, std::string("socket:") + family, "EAFNOSUPPORT"));
        EXPECT_TRUE(came_to(unit, "memory:write", "ok"));
        EXPECT_TRUE(came_to(unit, "memory:execute", "ok"));
    }
    EXPECT_TRUE(came_to("narrow", "socket:inet", "ok"));
    EXPECT_TRUE(came_to("narrow", "socket:unix", "EAFNOSUPPORT"));
    EXPECT_TRUE(came_to("narrow", "socket:pair", "EAFNOSUPPORT"));
    EXPECT_TRUE(came_to("narrow", "socket:netlink", "EAFNOSUPPORT"));
    EXPECT_TRUE(came_to("user", "socket:unix", "ok"));
    EXPECT_TRUE(came_to("user", "socket:inet", "EAFNOSUPPORT"));
    for (const char* way : {"both", "later", "key", "shared"}) {
        EXPECT_TRUE(came_to("narrow", std::string("memory:") + way, "EPERM"));
        EXPECT_TRUE(came_to("user", std::string("memory:") + way, "EXDEV"));
    }
    // What the guest's own filter refuses, no unit's file can change.
    for (const char* operation : {"memory:implied", "unshare:user", "unshare:mount"}) {
        EXPECT_TRUE(came_to("narrow", operation, "EPERM"));
        EXPECT_TRUE(came_to("user", operation, "EPERM"));
    }
}

TEST_F(Sandbox, FiltersHoldWithTheHostsUsersIfNothingCanBeGained) {
    add("narrow", kFilterProbes,
        "no-new-privileges = true\naddress-families = [\"inet\"]\nwrite-execute = false\n");
    add("refused", kFilterProbes, "write-execute = false\n");
    start("host");
    EXPECT_TRUE(came_to("narrow", "socket:inet", "ok"));
    EXPECT_TRUE(came_to("narrow", "socket:unix", "EAFNOSUPPORT"));
    EXPECT_TRUE(came_to("narrow", "socket:packet", "EAFNOSUPPORT"));
    EXPECT_TRUE(came_to("narrow", "memory:both", "EPERM"));
    EXPECT_TRUE(came_to("narrow", "memory:later", "EPERM"));
    EXPECT_TRUE(came_to("narrow", "unshare:user", "EPERM"));
    const Outcome status = host_.stead({"status", "web"});
    EXPECT_NE((status.out + status.err).find("`write-execute` of a unit needs"), std::string::npos)
        << status.out << status.err;
}

TEST_F(Sandbox, FiltersHoldInAJail) {
    host_.write("probe/keep", "");
    fs::copy_file(STEAD_BIN "/sandboxed", host_.folder() + "/probe/sandboxed");
    const Outcome outcome = host_.stead(
        {"jail", "--bind", host_.folder() + "/probe:/probe:ro", "-o",
         "unit.main.write-execute=false", "-o", "unit.main.address-families=[\"unix\"]", "--",
         "/probe/sandboxed", "socket:unix", "socket:inet", "memory:both", "memory:later"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out,
              "socket:unix=ok\nsocket:inet=EAFNOSUPPORT\nmemory:both=EPERM\nmemory:later=EPERM\n");
}

} // namespace
} // namespace stead::system_test
