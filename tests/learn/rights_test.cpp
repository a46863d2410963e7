#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "compile/capabilities.h"
#include "learn/rights.h"

namespace stead::learn {
namespace {

constexpr std::uint32_t kUser = 1000;
constexpr mode_t kFolder = S_IFDIR | 0755;

/// A call of a program that holds everything and is nobody special.
Seen call(std::string_view name, std::array<std::uint64_t, 6> arguments = {}) {
    Seen seen;
    seen.call = name;
    seen.arguments = arguments;
    seen.program = "web";
    seen.who = {kUser, kUser, kUser, kUser, kUser, kUser, kUser, kUser, {50}, ~0ULL};
    return seen;
}

Place place(const std::string& path, std::optional<Object> object, Object folder) {
    return {path, path, object, {Object{kFolder, 0, 0}, folder}};
}

Seen on_file(std::string_view name,
             Want want,
             std::optional<Object> object,
             Object folder = {kFolder, 0, 0}) {
    Seen seen = call(name);
    seen.want = want;
    seen.places.push_back(place("/srv/file", object, folder));
    return seen;
}

/// "CHOWN, KILL", or "none".
std::string rights(const Seen& seen) {
    std::uint64_t mask = 0;
    for (const Right& right : rights_of(seen, {}))
        mask |= 1ULL << right.capability;
    return compile::capability_names(mask);
}

Seen bind(int family, std::uint16_t port) {
    Seen seen = call("bind");
    seen.address = Address{.family = family, .text = "127.0.0.1", .port = port};
    seen.socket_type = SOCK_STREAM;
    return seen;
}

TEST(Rights, NeedsNetBindServiceBelowTheFirstFreePortOnly) {
    EXPECT_EQ(rights(bind(AF_INET, 80)), "NET_BIND_SERVICE");
    EXPECT_EQ(rights(bind(AF_INET6, 1023)), "NET_BIND_SERVICE");
    EXPECT_EQ(rights(bind(AF_INET, 1024)), "none");
    EXPECT_EQ(rights(bind(AF_INET, 0)), "none");
    EXPECT_TRUE(rights_of(bind(AF_INET, 80), {.first_free_port = 80}).empty());
    EXPECT_EQ(rights_of(bind(AF_INET, 80), {}).front().what, "bind(tcp 80)");
}

TEST(Rights, NeedsNothingThatTheProgramDoesNotHold) {
    Seen seen = bind(AF_INET, 80);
    seen.who.capabilities = 0;
    EXPECT_EQ(rights(seen), "none");
}

TEST(Rights, NeedsNetRawForARawSocketOfTheInternet) {
    EXPECT_EQ(rights(call("socket", {AF_INET, SOCK_RAW | SOCK_CLOEXEC})), "NET_RAW");
    EXPECT_EQ(rights(call("socket", {AF_INET, SOCK_STREAM})), "none");
    EXPECT_EQ(rights(call("socket", {AF_NETLINK, SOCK_RAW})), "none");
}

TEST(Rights, NeedsSetuidForAnotherUserOnly) {
    EXPECT_EQ(rights(call("setuid", {kUser})), "none");
    EXPECT_EQ(rights(call("setuid", {33})), "SETUID");
    EXPECT_EQ(rights(call("setresuid", {0xffffffff, kUser, 0xffffffff})), "none");
    EXPECT_EQ(rights(call("setresuid", {kUser, kUser, 33})), "SETUID");
    EXPECT_EQ(rights(call("setregid", {33, kUser})), "SETGID");
    EXPECT_EQ(rights(call("setgroups", {0})), "SETGID");
    EXPECT_EQ(rights(call("setsid")), "none");
    EXPECT_EQ(rights(call("setpgid", {5, 7})), "none");
}

TEST(Rights, NeedsChownToGiveAFileAway) {
    const Object own{S_IFREG | 0644, kUser, kUser};
    Seen seen = on_file("chown", Want::Attribute, own);
    seen.arguments = {0, 33, 0xffffffff};
    EXPECT_EQ(rights(seen), "CHOWN");
    seen.arguments = {0, kUser, 50}; // to a group of its own
    EXPECT_EQ(rights(seen), "none");
    seen.arguments = {0, 0xffffffff, 7};
    EXPECT_EQ(rights(seen), "CHOWN");
    seen.arguments = {0, 0xffffffff, 0xffffffff};
    EXPECT_EQ(rights(seen), "none");
}

TEST(Rights, NeedsFownerForTheModeOfOthersFiles) {
    EXPECT_EQ(rights(on_file("chmod", Want::Attribute, Object{S_IFREG | 0666, 0, 0})), "FOWNER");
    EXPECT_EQ(rights(on_file("chmod", Want::Attribute, Object{S_IFREG | 0600, kUser, 0})), "none");
}

TEST(Rights, NeedsFownerForTimesUnlessTheyAreNowAndItMayWrite) {
    Seen seen = on_file("utimensat", Want::Attribute, Object{S_IFREG | 0666, 0, 0});
    EXPECT_EQ(rights(seen), "none");
    seen.arguments[2] = 0x1000;
    EXPECT_EQ(rights(seen), "FOWNER");
}

TEST(Rights, NeedsSetfcapForFileCapabilities) {
    Seen seen = on_file("setxattr", Want::Attribute, Object{S_IFREG | 0666, kUser, 0});
    EXPECT_EQ(rights(seen), "none");
    seen.attribute = "security.capability";
    EXPECT_EQ(rights(seen), "SETFCAP");
}

TEST(Rights, NeedsTheSmallerRightForWhatIsOnlyRead) {
    const Object secret{S_IFREG | 0600, 0, 0};
    EXPECT_EQ(rights(on_file("openat", Want::Read, secret)), "DAC_READ_SEARCH");
    EXPECT_EQ(rights(on_file("openat", Want::Write, secret)), "DAC_OVERRIDE");
    EXPECT_EQ(rights(on_file("openat", Want::ReadWrite, secret)), "DAC_OVERRIDE");
    EXPECT_EQ(rights(on_file("newfstatat", Want::Look, secret)), "none");
    EXPECT_EQ(rights(on_file("openat", Want::Read, Object{S_IFREG | 0640, 0, 50})), "none");
}

TEST(Rights, TakesTheOwnersBitsOfTheOwnerThoughOthersHaveMore) {
    EXPECT_EQ(rights(on_file("openat", Want::Read, Object{S_IFREG | 0044, kUser, 0})),
              "DAC_READ_SEARCH");
}

TEST(Rights, SearchesEachFolderOnTheWay) {
    const Object file{S_IFREG | 0644, 0, 0};
    const Seen seen = on_file("openat", Want::Read, file, {S_IFDIR | 0700, 0, 0});
    ASSERT_EQ(rights(seen), "DAC_READ_SEARCH");
    EXPECT_EQ(rights_of(seen, {}).front().place, "/srv");
}

TEST(Rights, WritesAFolderToMakeAndRemoveItsNames) {
    const Object others{kFolder, 0, 0};
    const Object own{kFolder, kUser, 0};
    EXPECT_EQ(rights(on_file("openat", Want::Write, std::nullopt, others)), "DAC_OVERRIDE");
    EXPECT_EQ(rights(on_file("openat", Want::Write, std::nullopt, own)), "none");
    EXPECT_EQ(rights(on_file("mkdir", Want::Change, std::nullopt, others)), "DAC_OVERRIDE");
    EXPECT_EQ(rights(on_file("unlink", Want::Change, Object{S_IFREG | 0600, 0, 0}, own)), "none");
}

TEST(Rights, NeedsFownerToRemoveWhatIsOthersInAStickyFolder) {
    const Object sticky{S_IFDIR | 01777, 0, 0};
    EXPECT_EQ(rights(on_file("unlink", Want::Change, Object{S_IFREG | 0600, 0, 0}, sticky)),
              "FOWNER");
    EXPECT_EQ(rights(on_file("unlink", Want::Change, Object{S_IFREG | 0600, kUser, 0}, sticky)),
              "none");
}

TEST(Rights, NeedsKillForProcessesOfOthers) {
    Seen seen = call("kill", {7, 15});
    EXPECT_EQ(rights(seen), "none");
    seen.target.emplace();
    seen.target->uid = 33;
    seen.target->saved_uid = 33;
    EXPECT_EQ(rights(seen), "KILL");
    seen.target->saved_uid = kUser;
    EXPECT_EQ(rights(seen), "none");
}

TEST(Rights, NeedsMoreForMorePriorityAndHigherLimits) {
    Seen nicer = call("setpriority");
    nicer.before = 20;
    nicer.after = 10;
    EXPECT_EQ(rights(nicer), "SYS_NICE");
    std::swap(nicer.before, nicer.after);
    EXPECT_EQ(rights(nicer), "none");
    EXPECT_EQ(rights(call("sched_setscheduler", {0, SCHED_FIFO})), "SYS_NICE");
    EXPECT_EQ(rights(call("sched_setscheduler", {0, SCHED_BATCH})), "none");
    Seen limit = call("prlimit64");
    limit.before = 1024;
    limit.after = 4096;
    EXPECT_EQ(rights(limit), "SYS_RESOURCE");
    Seen lock = call("mlockall");
    lock.before = 1 << 20;
    lock.after = 64 << 10;
    EXPECT_EQ(rights(lock), "IPC_LOCK");
}

TEST(Rights, NeedsTheRestByTheCallAlone) {
    EXPECT_EQ(rights(call("prctl", {PR_CAPBSET_DROP, 3})), "SETPCAP");
    EXPECT_EQ(rights(call("prctl", {PR_SET_NAME})), "none");
    EXPECT_EQ(rights(call("vhangup")), "SYS_TTY_CONFIG");
    EXPECT_EQ(rights(on_file("chroot", Want::Look, Object{kFolder, 0, 0})), "SYS_CHROOT");
    EXPECT_EQ(rights(call("setsockopt", {3, SOL_SOCKET, 36})), "NET_ADMIN");
}

} // namespace
} // namespace stead::learn
