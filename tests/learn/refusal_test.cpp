#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "compile/calls.h"
#include "learn/refusal.h"

namespace stead::learn {
namespace {

Refused refused(std::string_view name, int error, std::array<std::uint64_t, 6> arguments = {}) {
    Refused one;
    one.seen.number = *compile::find_call(name);
    one.seen.call = name;
    one.seen.arguments = arguments;
    one.seen.who = {33, 33, 33, 33, 33, 33, 33, 33, {}, 0};
    one.error = error;
    one.filter = SECCOMP_RET_ALLOW;
    return one;
}

std::uint32_t answer(int code) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code);
}

Refused on_path(std::string_view name, int error, Want want, std::optional<Object> object) {
    Refused one = refused(name, error);
    one.seen.want = want;
    one.seen.places.push_back(
        {"/srv/file", "/srv/file", object, {{S_IFDIR | 0755, 0, 0}, {S_IFDIR | 0755, 0, 0}}});
    return one;
}

TEST(Refusal, KnowsAFilterByItsAnswer) {
    Refused one = refused("mount", EPERM);
    one.filter = answer(EPERM);
    EXPECT_EQ(judge(one, {}).rule, Rule::Calls);
    EXPECT_EQ(judge(one, {}).item, "mount");
    one.filter = answer(EACCES); // an answer that was not the process's
    EXPECT_NE(judge(one, {}).rule, Rule::Calls);
}

TEST(Refusal, NamesTheCapabilityThatTheCallNeedsAsWell) {
    Refused one = refused("setuid", EPERM, {5});
    one.filter = answer(EPERM);
    EXPECT_EQ(judge(one, {}).item, "setuid");
    EXPECT_EQ(judge(one, {}).capability, "SETUID");
    EXPECT_EQ(judge(one, {}).what, "setuid(5)");
}

TEST(Refusal, NamesTheFamilyOfASocket) {
    Refused one = refused("socket", EAFNOSUPPORT, {AF_PACKET, SOCK_RAW});
    one.filter = answer(EAFNOSUPPORT);
    EXPECT_EQ(judge(one, {}).rule, Rule::Families);
    EXPECT_EQ(judge(one, {}).item, "packet");
}

TEST(Refusal, SaysThatAFilterKilled) {
    Refused one = refused("reboot", 0);
    one.filter = 0;
    EXPECT_EQ(judge(one, {}).rule, Rule::Calls);
    EXPECT_NE(judge(one, {}).reason.find("kills"), std::string::npos);
}

TEST(Refusal, NamesTheMissingCapability) {
    EXPECT_EQ(judge(refused("setuid", EPERM, {5}), {}).item, "SETUID");
    EXPECT_EQ(judge(refused("mount", EPERM), {}).item, "SYS_ADMIN");
    EXPECT_EQ(judge(refused("clock_settime", EPERM), {}).item, "SYS_TIME");
    Refused held = refused("mount", EPERM);
    held.seen.who.capabilities = 1ULL << CAP_SYS_ADMIN;
    EXPECT_EQ(judge(held, {}).rule, Rule::Other);
}

TEST(Refusal, TellsTheModeOfAFileFromAReadOnlyMount) {
    const Object secret{S_IFREG | 0600, 0, 0};
    const Judgement mode = judge(on_path("openat", EACCES, Want::Read, secret), {});
    EXPECT_EQ(mode.rule, Rule::Capability);
    EXPECT_EQ(mode.item, "DAC_READ_SEARCH");
    const Judgement made = judge(on_path("openat", EROFS, Want::Write, std::nullopt), {});
    EXPECT_EQ(made.rule, Rule::ReadOnly);
    EXPECT_EQ(made.item, "/srv");
    EXPECT_EQ(judge(on_path("openat", EROFS, Want::Write, secret), {}).item, "/srv/file");
}

TEST(Refusal, TellsALowPortFromAnAddressThatIsNotListed) {
    Refused one = refused("bind", EPERM);
    one.seen.address = Address{AF_INET, "127.0.0.1", 5555, true, false};
    one.seen.socket_type = SOCK_STREAM;
    EXPECT_EQ(judge(one, {}).rule, Rule::Listen);
    EXPECT_EQ(judge(one, {}).item, "tcp:127.0.0.1:5555");
    one.seen.address->port = 80;
    EXPECT_EQ(judge(one, {}).item, "NET_BIND_SERVICE");
}

TEST(Refusal, BlamesNoRuleForTheKernelsOwnAnswers) {
    EXPECT_EQ(judge(refused("kill", EPERM, {1, 9}), {}).rule, Rule::Other);
    EXPECT_EQ(judge(refused("statmount", ENOSYS), {}).rule, Rule::Other);
}

} // namespace
} // namespace stead::learn
