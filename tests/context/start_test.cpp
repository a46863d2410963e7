#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cstddef>

#include <gtest/gtest.h>

#include "context/guest.h"

namespace stead::testing {

namespace {

constexpr std::uint64_t bit(unsigned capability) {
    return 1ULL << capability;
}

/// Everything passes but mkdir, which answers EPERM.
std::vector<std::uint64_t> filter_without_mkdir() {
    const sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    std::vector<std::uint64_t> filter;
    for (const sock_filter& one : program)
        filter.push_back(std::bit_cast<std::uint64_t>(one));
    return filter;
}

std::string namespace_of_test(const char* name) {
    char text[64] = {};
    const std::string path = std::string("/proc/self/ns/") + name;
    if (::readlink(path.c_str(), text, sizeof text - 1) < 0) return "none";
    return text;
}

} // namespace

class Start : public ::testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    }
};

TEST_F(Start, MakesPidOneTheLeaderOfASessionOfItsOwn) {
    Guest guest = Guest::jail();
    const Told told = guest.run({"pid"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("pid 1 sid 1")) << told.output;
    EXPECT_EQ(told.exit_code, 0);
}

TEST_F(Start, RunsTheHostsProgramsUnderTheGuestsName) {
    Guest guest = Guest::jail();
    const Told told = guest.run({"sh uname -n"});
    EXPECT_TRUE(told.has("probe")) << told.why();
}

TEST_F(Start, LeavesPidOneExactlyTheAllowedCapabilities) {
    Guest guest = Guest::jail();
    guest.recipe.capabilities = bit(0) | bit(5);      // CHOWN, KILL
    guest.recipe.init_capabilities = bit(6) | bit(7); // SETGID, SETUID
    const Told told =
        guest.run({"cat /proc/self/status", "securebits", "sh grep Cap /proc/self/status"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("CapBnd:\t0000000000000021")) << told.output;
    EXPECT_TRUE(told.has("CapInh:\t00000008000000c0")) << told.output;
    EXPECT_TRUE(told.has("CapPrm:\t00000008000000e1")) << told.output;
    EXPECT_TRUE(told.has("CapAmb:\t0000000000000000")) << told.output;
    EXPECT_TRUE(told.has("securebits 0")) << told.output;
}

TEST_F(Start, InstallsTheFilterWithoutNoNewPrivileges) {
    Guest guest = Guest::folder(recipe::Users::Host);
    guest.recipe.filter = filter_without_mkdir();
    const Told told = guest.run({"cat /proc/self/status", "mkdir /tmp/x", "write /tmp/y"});
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has("Seccomp:\t2")) << told.output;
    EXPECT_TRUE(told.has("NoNewPrivs:\t0")) << told.output;
    EXPECT_TRUE(told.has("mkdir /tmp/x: EPERM")) << told.output;
    EXPECT_TRUE(told.has("write /tmp/y: OK")) << told.output;
}

TEST_F(Start, GivesPidOneItsOwnFilterWhereThereIsOne) {
    Guest guest = Guest::folder(recipe::Users::Private);
    guest.recipe.init_filter = filter_without_mkdir();
    const Told told = guest.run({"mkdir /tmp/x"});
    EXPECT_TRUE(told.has("mkdir /tmp/x: EPERM")) << told.why();
}

TEST_F(Start, SetsNoNewPrivilegesWhenAsked) {
    Guest guest = Guest::jail();
    guest.recipe.no_new_privileges = true;
    guest.recipe.filter = filter_without_mkdir();
    const Told told = guest.run({"cat /proc/self/status"});
    EXPECT_TRUE(told.has("NoNewPrivs:\t1")) << told.why();
}

TEST_F(Start, PutsTheGuestIntoEveryNamespaceAskedFor) {
    for (const recipe::Users users : {recipe::Users::Host, recipe::Users::Private}) {
        Guest guest = Guest::folder(users);
        guest.recipe.own_time = true;
        const Told told = guest.run({"sh for n in mnt pid uts ipc net cgroup user time; do "
                                     "readlink /proc/self/ns/$n; done"});
        ASSERT_FALSE(told.error) << told.why();
        for (const char* name : {"mnt", "pid", "uts", "ipc", "net", "cgroup", "time"}) {
            EXPECT_FALSE(told.has(namespace_of_test(name))) << name << "\n" << told.output;
        }
        EXPECT_EQ(told.has(namespace_of_test("user")), users == recipe::Users::Host);
    }
}

TEST_F(Start, StartsTheClocksOfATimeNamespaceAtZero) {
    Guest guest = Guest::folder(recipe::Users::Private);
    guest.recipe.own_time = true;
    const Told told = guest.run({"sh cut -d. -f1 /proc/uptime | grep -qx '[0-9]'"});
    EXPECT_NE(told.output.find("exit 0"), std::string::npos) << told.why();
}

TEST_F(Start, BringsTheLoopbackUpInANetworkOfItsOwn) {
    Guest guest = Guest::folder(recipe::Users::Private);
    const Told told = guest.run({"bind tcp 127.0.0.1 80", "connect udp 127.0.0.1 9"});
    EXPECT_TRUE(told.has("connect udp 127.0.0.1 9: OK")) << told.why();
}

TEST_F(Start, HandsOverExactlyTheDescriptorsOfABoot) {
    // NOLINTNEXTLINE(android-cloexec-dup)
    const int leaked = ::dup(2); // without close-on-exec, as a careless shell leaves them
    Guest guest = Guest::jail();
    const bool has_cgroup = guest.use_cgroup();
    const Told told = guest.run({"descriptors"});
    ::close(leaked);
    ASSERT_FALSE(told.error) << told.why();
    EXPECT_TRUE(told.has(has_cgroup ? "descriptors: 0 1 2 5 7 8 9" : "descriptors: 0 1 2 5 8 9"))
        << told.output;
}

TEST_F(Start, SetsLimitsUmaskAndEnvironment) {
    Guest guest = Guest::jail();
    recipe::Limit files;
    files.limit = {7, 0, 100, 200}; // RLIMIT_NOFILE
    files.name = "nofile";
    guest.recipe.limits = {files};
    const Told told = guest.run({"sh ulimit -Sn; ulimit -Hn; umask; pwd"});
    ASSERT_FALSE(told.error) << told.why();
    for (const char* line : {"100", "200", "0022", "/"})
        EXPECT_TRUE(told.has(line)) << told.output;
}

TEST_F(Start, GivesTheGuestItsOwnSocketsAndCommand) {
    for (const recipe::Users users : {recipe::Users::Host, recipe::Users::Private}) {
        Guest guest = Guest::folder(users);
        const Told told = guest.run({"unlink /run/stead/control", "rename /run/stead /run/other",
                                     "write /run/stead/x", "write /run/stead/bin/stead",
                                     "stat /run/stead/control", "become 1000",
                                     "unix /run/stead/control", "datagram /run/stead/notify"});
        ASSERT_FALSE(told.error) << told.why();
        EXPECT_TRUE(told.has("unlink /run/stead/control: EROFS")) << told.output;
        EXPECT_TRUE(told.has("rename /run/stead /run/other: EBUSY")) << told.output;
        EXPECT_TRUE(told.has("write /run/stead/x: EROFS")) << told.output;
        EXPECT_FALSE(told.has("write /run/stead/bin/stead: OK")) << told.output;
        EXPECT_TRUE(told.has("stat /run/stead/control: uid 0 gid 0 mode 140666")) << told.output;
        EXPECT_TRUE(told.has("unix /run/stead/control: OK")) << told.output;
        EXPECT_TRUE(told.has("datagram /run/stead/notify: OK")) << told.output;
    }
}

TEST_F(Start, BearsPidOneInTheInitFolderOfItsCgroup) {
    for (const recipe::Users users : {recipe::Users::Host, recipe::Users::Private}) {
        Guest guest = Guest::folder(users);
        if (!guest.use_cgroup()) GTEST_SKIP() << "needs a writable cgroup2 mount";
        // The namespace was made in the folder itself, so that is the root that the guest sees.
        const Told told = guest.run(
            {"cat /proc/self/cgroup",
             "sh cd /proc/1/fd/7 && mkdir units && cat init/cgroup.procs && rmdir units"});
        ASSERT_FALSE(told.error) << told.why();
        EXPECT_TRUE(told.has("0::/init")) << told.output;
        EXPECT_TRUE(told.has("1")) << told.output;
        EXPECT_NE(told.output.find("exit 0"), std::string::npos) << told.output;
    }
}

TEST_F(Start, ShowsTheCgroupReadOnlyWhereTheRecipeMountsIt) {
    for (const recipe::Users users : {recipe::Users::Host, recipe::Users::Private}) {
        Guest guest = Guest::folder(users);
        if (!guest.use_cgroup()) GTEST_SKIP() << "needs a writable cgroup2 mount";
        guest.add(recipe::MountKind::Cgroup, "/sys/fs/cgroup", "", 15);
        const Told told =
            guest.run({"cat /sys/fs/cgroup/init/cgroup.procs", "mkdir /sys/fs/cgroup/x"});
        ASSERT_FALSE(told.error) << told.why();
        EXPECT_TRUE(told.has("1")) << told.output;
        EXPECT_TRUE(told.has("mkdir /sys/fs/cgroup/x: EROFS")) << told.output;
    }
}

} // namespace stead::testing
