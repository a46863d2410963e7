#include <algorithm>
#include <string>

#include "compile/compile.h"
#include "compile/fixture.h"

/// What changes when the launcher is an ordinary user's.
namespace stead::compile {
namespace {

using recipe::MountKind;
using test::guest;
using test::Host;

Host ordinary(std::uint32_t ids) {
    Host host;
    host.facts.rootless_ids = ids;
    host.facts.cgroup2 = false;
    host.facts.controllers.clear();
    host.facts.may_raise_limits = false;
    return host;
}

const std::string plain_jail = "profile = \"jail\"\n[unit.main]\ncommand = \"true\"\n";

TEST(Rootless, JailRunsAsTheUserWhoIsZeroInside) {
    const Host host = ordinary(1);
    const auto outcome = guest(plain_jail, host);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const auto plan = plan::Plan::open(outcome.guest->image);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->exec(0).uid, 0U);
    EXPECT_EQ(plan->exec(0).gid, 0U);
    EXPECT_TRUE(plan->exec(0).no_root);
    EXPECT_EQ(outcome.context().rootless_ids, 1U);
    EXPECT_EQ(outcome.context().capabilities, 0U);
}

TEST(Rootless, DevicesAreTheHostsOwnOneByOne) {
    const Host host = ordinary(1);
    const auto outcome = guest(plain_jail, host);
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    for (const char* device :
         {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
        const recipe::Mount* mount = outcome.mount(device);
        ASSERT_NE(mount, nullptr) << device;
        EXPECT_EQ(mount->kind, MountKind::Bind);
        EXPECT_EQ(mount->source, device);
    }
    EXPECT_TRUE(std::none_of(outcome.context().mounts.begin(), outcome.context().mounts.end(),
                             [](const auto& mount) { return mount.kind == MountKind::Device; }));
}

TEST(Rootless, TerminalsHaveAGroupWhereItHasAnId) {
    for (const auto& [ids, has_group] : {std::pair{1U, false}, std::pair{65537U, true}}) {
        const Host host = ordinary(ids);
        const auto outcome = guest("root = \"/srv/root\"\n", host);
        ASSERT_TRUE(outcome.guest) << outcome.messages;
        const recipe::Mount* mount = nullptr;
        for (const recipe::Mount& each : outcome.context().mounts)
            if (each.kind == MountKind::Devpts) mount = &each;
        ASSERT_NE(mount, nullptr);
        const bool found = std::find(mount->options.begin(), mount->options.end(), "gid=5") !=
                           mount->options.end();
        EXPECT_EQ(found, has_group);
    }
}

TEST(Rootless, GuestHasTheLaunchersNamespaceAndNoRangeOfItsOwn) {
    Host host = ordinary(65537);
    host.facts.id_range = [](const std::string&) -> std::optional<recipe::IdRange> {
        ADD_FAILURE() << "an ordinary user has no ranges to give";
        return std::nullopt;
    };
    for (const char* users : {"", "users = \"private\"\n"}) {
        const auto outcome = guest(std::string("root = \"/srv/root\"\n") + users, host);
        ASSERT_TRUE(outcome.guest) << outcome.messages;
        EXPECT_EQ(outcome.context().users, recipe::Users::Host);
        EXPECT_EQ(outcome.context().rootless_ids, 65537U);
    }
}

TEST(Rootless, RefusesWhatOnlyRootCanGive) {
    const Host host = ordinary(1);
    const std::pair<const char*, const char*> wrong[] = {
        {"root = \"/srv/root\"\nusers = \"host\"\n", "only root gives a guest the host's ids"},
        {"root = \"/srv/root\"\nusers = \"100000:65536\"\n",
         "only root gives a guest the host's ids"},
        {"root = \"host\"\nephemeral = true\n", "only root lay memory above the host's own tree"},
        {"root = \"/srv/root\"\n[limits]\nmemory-max = \"64M\"\n", "only where one is delegated"},
        {"root = \"/srv/root\"\nnetwork = { mode = \"host\", listen = [\"tcp:127.0.0.1:80\"] }\n",
         "network.listen is kept by a cgroup that only root can make"},
        {"profile = \"jail\"\n[unit.main]\ncommand = \"true\"\nuser = \"redis\"\n",
         "only root gives a jail another user"},
        {"profile = \"jail\"\n[unit.main]\ncommand = \"true\"\ngroup = \"redis\"\n",
         "only root gives a jail another user"}};
    for (const auto& [text, message] : wrong) {
        const auto outcome = guest(text, host);
        EXPECT_FALSE(outcome.guest) << text;
        EXPECT_NE(outcome.messages.find(message), std::string::npos) << outcome.messages;
    }
}

} // namespace
} // namespace stead::compile
