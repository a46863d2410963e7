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

/// Files that the other units look for; anybody may write them.
constexpr const char* kPrepare =
    "type = \"oneshot\"\ncommand = [\"sh\", \"-c\", \"umask 0; mkdir -p /srv/t/ro/rw /srv/t/secret "
    "/srv/t/open; echo x > /srv/t/secret/key; echo x > /srv/t/file; ln -s /etc /srv/t/link\"]\n";

const Words kFileProbes{"write:/srv/t/ro/x",
                        "write:/srv/t/ro/rw/x",
                        "write:/srv/t/open/x",
                        "read:/srv/t/secret/key",
                        "read:/srv/t/file",
                        "write:/etc/planted",
                        "write:/usr/planted",
                        "mkdir:/tmp/inside",
                        "unmount:/srv/t/secret",
                        "unmount:/etc",
                        "remount:/srv/t/ro",
                        "unshare:mount",
                        "read:/proc/1/root/srv/t/secret/key",
                        "write:/dev/shm/x",
                        "write:/dev/null",
                        "write:/proc/self/comm",
                        "write:/var/lib/strict/x"};

TEST_F(Sandbox, AUnitSeesWhatItsFileSays) {
    const std::string after = "requires = [\"prepare\"]\n";
    const std::string view =
        "files = { read-only = [\"/srv/t/ro\"], read-write = [\"/srv/t/ro/rw\"], "
        "hidden = [\"/srv/t/secret\", \"/srv/t/file\"], private-tmp = true, "
        "protect-system = \"full\" }\n";
    host_.write("units/prepare.toml", kPrepare);
    add("root", kFileProbes, after + view);
    add("nobody", kFileProbes, after + view + "user = \"nobody\"\n");
    add("strict", kFileProbes,
        after + "files.protect-system = \"strict\"\ndirectories.state = [\"strict\"]\n");
    add("outside", {"read:/tmp/inside", "read:/srv/t/secret/key", "read:/srv/t/file"},
        "after = [\"root\", \"nobody\"]\n");
    add("planted", {"write:/etc/planted"},
        after + "files = { read-write = [\"/srv/t/link\"], protect-system = \"full\" }\n");
    add("missing", {"write:/etc/planted"}, after + "files.read-only = [\"/srv/t/missing\"]\n");
    start("private");
    for (const char* unit : {"root", "nobody"}) {
        EXPECT_TRUE(came_to(unit, "write:/srv/t/ro/x", "EROFS"));
        EXPECT_TRUE(came_to(unit, "write:/srv/t/ro/rw/x", "ok"));
        EXPECT_TRUE(came_to(unit, "write:/srv/t/open/x", "ok"));
        EXPECT_TRUE(came_to(unit, "read:/srv/t/file", "ENODATA"));
        EXPECT_TRUE(came_to(unit, "write:/etc/planted", "EROFS"));
        EXPECT_TRUE(came_to(unit, "write:/usr/planted", "EROFS"));
        EXPECT_TRUE(came_to(unit, "mkdir:/tmp/inside", "ok"));
        EXPECT_TRUE(came_to(unit, "read:/proc/1/root/srv/t/secret/key", "EACCES"));
        for (const char* escape :
             {"unmount:/srv/t/secret", "unmount:/etc", "remount:/srv/t/ro", "unshare:mount"})
            EXPECT_TRUE(came_to(unit, escape, "EPERM"));
    }
    EXPECT_TRUE(came_to("root", "read:/srv/t/secret/key", "ENOENT"));
    EXPECT_TRUE(came_to("nobody", "read:/srv/t/secret/key", "EACCES"));
    for (const char* path : {"/srv/t/open/x", "/etc/planted", "/usr/planted", "/srv/t/ro/rw/x"})
        EXPECT_TRUE(came_to("strict", std::string("write:") + path, "EROFS"));
    EXPECT_TRUE(came_to("strict", "mkdir:/tmp/inside", "EROFS"));
    for (const char* path : {"/dev/shm/x", "/dev/null", "/proc/self/comm", "/var/lib/strict/x"})
        EXPECT_TRUE(came_to("strict", std::string("write:") + path, "ok"));
    // What the others did and were shown, nobody else was.
    EXPECT_TRUE(came_to("outside", "read:/tmp/inside", "ENOENT"));
    EXPECT_TRUE(came_to("outside", "read:/srv/t/secret/key", "ok"));
    EXPECT_TRUE(came_to("outside", "read:/srv/t/file", "ok"));
    const Outcome planted = host_.stead({"why", "web/planted"});
    EXPECT_NE(planted.out.find("Too many levels of symbolic links"), std::string::npos)
        << planted.out << planted.err;
    const Outcome missing = host_.stead({"why", "web/missing"});
    EXPECT_NE(missing.out.find("No such file"), std::string::npos) << missing.out << missing.err;
}

TEST_F(Sandbox, AUnitHasNamespacesOfItsOwn) {
    add("plain", {"connect:127.0.0.1"}, "");
    add("alone", {"connect:127.0.0.1", "unshare:user"},
        "user = \"nobody\"\nnamespaces = [\"net\", \"ipc\", \"uts\", \"mount\"]\n");
    start("private");
    EXPECT_TRUE(came_to("plain", "connect:127.0.0.1", "ECONNREFUSED"));
    EXPECT_TRUE(came_to("alone", "connect:127.0.0.1", "ENETUNREACH"));
    EXPECT_TRUE(came_to("alone", "unshare:user", "EPERM"));
}

TEST_F(Sandbox, AUnitManagesItsOwnCgroupAlone) {
    const Words probes{"mkdir:/sys/fs/cgroup/mine", "read:/sys/fs/cgroup/units",
                       "read:/sys/fs/cgroup/../init", "write:/sys/fs/cgroup/cgroup.max.depth"};
    add("plain", probes, "");
    add("nobody", probes, "user = \"nobody\"\ndelegate = true\n");
    add("root", probes, "delegate = true\n");
    // Three levels of groups, each with a process that is told to stop.
    host_.write("units/tree.toml",
                "user = \"nobody\"\ndelegate = true\ncommand = [\"sh\", \"/probe/tree\"]\n");
    host_.write("probe/tree", "cd /sys/fs/cgroup\nmkdir -p a/b/c\nfor g in a a/b a/b/c; do\n"
                              "  (sh -c 'echo $PPID' > $g/cgroup.procs\n"
                              "   trap \"echo stopped $g; exit\" TERM\n"
                              "   while :; do sleep 0.1; done) &\n"
                              "done\nsleep 1; echo ready; wait\n");
    start("private");
    EXPECT_TRUE(came_to("plain", "mkdir:/sys/fs/cgroup/mine", "EROFS"));
    for (const char* unit : {"nobody", "root"}) {
        EXPECT_TRUE(came_to(unit, "mkdir:/sys/fs/cgroup/mine", "ok"));
        // Of what is above it sees nothing, whoever it is.
        EXPECT_TRUE(came_to(unit, "read:/sys/fs/cgroup/units", "ENOENT"));
        EXPECT_TRUE(came_to(unit, "read:/sys/fs/cgroup/../init", "ENOENT"));
    }
    EXPECT_TRUE(came_to("nobody", "write:/sys/fs/cgroup/cgroup.max.depth", "EACCES"));
    ASSERT_TRUE(eventually([&] {
        return host_.stead({"logs", "web/tree"}).out.find("ready") != std::string::npos;
    })) << host_.stead({"logs", "web/tree"}).out;
    EXPECT_EQ(host_.stead({"stop", "web/tree"}).code, 0);
    const std::string said = host_.stead({"logs", "web/tree"}).out;
    for (const char* group : {"stopped a\n", "stopped a/b\n", "stopped a/b/c\n"})
        EXPECT_NE(said.find(group), std::string::npos) << said;
    // Nothing of the groups is in the way of the next start.
    EXPECT_EQ(host_.stead({"start", "web/tree"}).code, 0);
    EXPECT_GT(host_.pid_of("web/tree"), 0);
}

TEST_F(Sandbox, AUnitAnswersToItsFurtherNames) {
    add("postgres", {"write:/dev/null"}, "alias = [\"db\", \"sql\"]\n");
    add("app", {"write:/dev/null"}, "requires = [\"db\"]\n");
    start("private");
    EXPECT_TRUE(came_to("app", "write:/dev/null", "ok"));
    const Outcome status = host_.stead({"status", "web/sql"});
    EXPECT_EQ(status.code, 0) << status.err;
    EXPECT_NE(status.out.find("postgres"), std::string::npos) << status.out;
    EXPECT_EQ(host_.stead({"status", "web/sq"}).code, 5);
    EXPECT_EQ(host_.stead({"restart", "web/db"}).code, 0);
}

TEST_F(Sandbox, NoViewIsGivenWherePid1MayNotMount) {
    add("plain", {"write:/dev/null"}, "");
    add("files", {"write:/dev/null"}, "files.private-tmp = true\n");
    add("spaces", {"write:/dev/null"}, "namespaces = [\"net\"]\n");
    start("host");
    EXPECT_TRUE(came_to("plain", "write:/dev/null", "ok"));
    const Outcome status = host_.stead({"status", "web"});
    const std::string said = status.out + status.err;
    EXPECT_NE(said.find("[files] needs a guest with users = \"private\""), std::string::npos)
        << said;
    EXPECT_NE(said.find("`namespaces` needs a guest"), std::string::npos) << said;
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
