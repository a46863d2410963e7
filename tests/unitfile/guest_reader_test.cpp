#include "unitfile/keys.h"
#include "unitfile/support.h"

namespace stead::unitfile {

namespace {

using test::good_guest;

std::string good_file(const std::string& name) {
    return test::bytes_of(std::string(STEAD_TEST_DATA) + "/units/good/" + name + ".toml");
}

std::string guest_mistakes(const std::string& text, const std::string& name = "box") {
    Diagnostics diagnostics;
    EXPECT_FALSE(read_guest(text, name + ".toml", name, diagnostics).has_value()) << text;
    return render(diagnostics);
}

} // namespace

TEST(ReadGuest, ReadsTheJailOfTheFormatsPage) {
    const GuestSpec guest = good_guest(good_file("guest-redis"), "redis");
    EXPECT_EQ(guest.name, "redis");
    EXPECT_EQ(guest.hostname, "redis");
    EXPECT_EQ(guest.profile.value, ProfileKind::Jail);
    EXPECT_EQ(guest.network_mode.value, "host");
    ASSERT_EQ(guest.listen.size(), 1U);
    EXPECT_EQ(guest.listen[0].value, "tcp:127.0.0.1:6379");
    ASSERT_EQ(guest.units.size(), 1U);
    const UnitSpec& unit = guest.units[0];
    EXPECT_EQ(unit.name, "redis");
    EXPECT_EQ(unit.file, "redis.toml");
    EXPECT_EQ(unit.place.line, 5U);
    EXPECT_EQ(unit.command.size(), 5U);
    EXPECT_EQ(unit.user.value, "redis");
    EXPECT_EQ(unit.ready.endpoint, "127.0.0.1:6379");
    ASSERT_EQ(unit.directories.size(), 1U);
    EXPECT_EQ(unit.directories[0].name, "redis");
}

TEST(ReadGuest, ReadsEveryKeyOfASystem) {
    const GuestSpec guest = good_guest(good_file("guest-web"), "web");
    EXPECT_EQ(guest.description, "Web shop");
    EXPECT_EQ(guest.hostname, "shop.example");
    EXPECT_EQ(guest.profile.value, ProfileKind::System);
    EXPECT_FALSE(guest.profile.given());
    EXPECT_EQ(guest.root.value, "/srv/guests/web");
    ASSERT_EQ(guest.unit_folders.size(), 1U);
    EXPECT_TRUE(guest.read_only.given());
    EXPECT_FALSE(guest.read_only.value);
    EXPECT_EQ(guest.stop_timeout, 2_min);
    EXPECT_TRUE(guest.propagate_stop_exit);
    EXPECT_TRUE(guest.hidepid.value);
    EXPECT_EQ(guest.users.value, UsersKind::Range);
    EXPECT_EQ(guest.users_first, 100'000U);
    EXPECT_EQ(guest.users_count, 65'536U);
    EXPECT_EQ(guest.capabilities.items.size(), 3U);
    EXPECT_EQ(guest.system_calls.items.size(), 2U);
    EXPECT_EQ(guest.environment.at("TZ"), "UTC");
    EXPECT_EQ(guest.listen.size(), 3U);
    EXPECT_TRUE(guest.own_uptime);
    EXPECT_EQ(guest.levels.size(), 2U);
    EXPECT_EQ(guest.rlimits.size(), 1U);
    EXPECT_EQ(guest.keys.find("limits.cpu-max").line, 27U);
}

TEST(ReadGuest, TakesPartInItsHostUnlessToldOtherwise) {
    const GuestSpec usual = good_guest("root = \"/srv\"\n");
    EXPECT_TRUE(usual.host_journal && usual.host_machine && usual.host_notify);
    EXPECT_TRUE(usual.host_sockets.value);
    const GuestSpec apart = good_guest(
        "root = \"/srv\"\n"
        "host = { journal = false, machine = false, notify = false, sockets = false }\n");
    EXPECT_FALSE(apart.host_journal || apart.host_machine || apart.host_notify);
    EXPECT_FALSE(apart.host_sockets.value);
}

TEST(ReadGuest, ReadsBindsAndTheirOptions) {
    const GuestSpec guest = good_guest(good_file("guest-web"), "web");
    ASSERT_EQ(guest.binds.size(), 2U);
    EXPECT_EQ(guest.binds[0].from, "/srv/shop");
    EXPECT_EQ(guest.binds[0].to, "/var/www");
    EXPECT_TRUE(guest.binds[0].read_only);
    EXPECT_TRUE(guest.binds[0].nosuid);
    EXPECT_TRUE(guest.binds[0].nodev);
    EXPECT_FALSE(guest.binds[0].noexec);
    EXPECT_FALSE(guest.binds[1].read_only);
    EXPECT_FALSE(guest.binds[1].nosuid);
    EXPECT_FALSE(guest.binds[1].nodev);
    EXPECT_TRUE(guest.binds[1].noexec);
    EXPECT_TRUE(guest.binds[1].idmap);
    EXPECT_EQ(guest.binds[1].place.column, 42U);
}

TEST(ReadGuest, FillsInEveryDefault) {
    const GuestSpec guest = good_guest("root = \"/srv\"\n", "web_1");
    EXPECT_EQ(guest.hostname, "web-1");
    EXPECT_EQ(guest.target.value, "default");
    EXPECT_EQ(guest.stop_timeout, 90_s);
    EXPECT_EQ(guest.users.value, UsersKind::Private);
    EXPECT_FALSE(guest.users.given());
    EXPECT_EQ(guest.network_mode.value, "none");
    EXPECT_FALSE(guest.hidepid.given());
    EXPECT_FALSE(guest.ephemeral);
    EXPECT_TRUE(guest.units.empty());
}

TEST(ReadGuest, TakesTheHostsFilesOnlyInMemory) {
    EXPECT_EQ(good_guest("root = \"host\"\nephemeral = true\n").root.value, "host");
    EXPECT_NE(guest_mistakes("root = \"host\"\n").find("needs ephemeral"), std::string::npos);
    EXPECT_NE(guest_mistakes("root = \"//\"\n").find("the host's own root"), std::string::npos);
}

TEST(ReadGuest, TakesNetworkInEveryForm) {
    EXPECT_EQ(good_guest("root = \"/a\"\nnetwork = \"host\"\n").network_mode.value, "host");
    EXPECT_EQ(good_guest("root = \"/a\"\nnetwork.mode = \"none\"\n").network_mode.value, "none");
}

TEST(ReadGuest, ReadsSeveralUnitsInTheOrderWritten) {
    const GuestSpec guest =
        good_guest("profile = \"jail\"\n[unit.b]\ncommand = \"b\"\n"
                   "[unit.a]\ncommand = \"a %n\"\n[unit.b.restart]\ndelay = \"1s\"\n");
    ASSERT_EQ(guest.units.size(), 2U);
    EXPECT_EQ(guest.units[0].name, "b");
    EXPECT_EQ(guest.units[0].restart_delay, 1_s);
    EXPECT_EQ(guest.units[1].command, (Argv{"a", "a"}));
}

TEST(ReadGuest, RefusesNamesThatNoGuestHas) {
    for (const std::string name : {"", "a/b", "..", "-a", "a\nb", "memory.max"})
        EXPECT_NE(guest_mistakes("root = \"/srv\"\n", name).find("guest name '"),
                  std::string::npos);
}

TEST(ReadGuest, RefusesEveryKeyThatIsNotSupportedYet) {
    for (const Key& key : guest_keys()) {
        if (key.support == Support::Now) continue;
        const std::string text = "root = \"/srv\"\n" +
                                 (key.table.empty() ? "" : std::string(key.table) + ".") +
                                 std::string(key.name) + " = \"x\"\n";
        EXPECT_NE(guest_mistakes(text).find("not supported yet"), std::string::npos) << text;
    }
}

TEST(JailOf, PutsOneUnitIntoAJail) {
    const GuestSpec guest = jail_of(test::good_unit("command = \"a\"\n", "worker@1"));
    EXPECT_EQ(guest.name, "worker-1");
    EXPECT_EQ(guest.profile.value, ProfileKind::Jail);
    ASSERT_EQ(guest.units.size(), 1U);
    EXPECT_EQ(guest.units[0].name, "worker@1");
    EXPECT_EQ(guest.file, "worker@1.toml");
}

TEST(KindOf, ShowsInTheKeys) {
    EXPECT_EQ(kind_of("command = \"a\"\n"), Kind::Unit);
    EXPECT_EQ(kind_of("type = \"target\"\n"), Kind::Unit);
    EXPECT_EQ(kind_of("root = \"/srv\"\n"), Kind::Guest);
    EXPECT_EQ(kind_of("image = \"debian\"\n"), Kind::Guest);
    EXPECT_EQ(kind_of("profile = \"jail\"\n"), Kind::Guest);
    EXPECT_EQ(kind_of("[unit.a]\ncommand = \"a\"\n"), Kind::Guest);
    EXPECT_EQ(kind_of("unit.a.command = \"a\"\n"), Kind::Guest);
    EXPECT_EQ(kind_of(""), Kind::Unit);
    EXPECT_EQ(kind_of("root = \n"), Kind::Unit);
    for (const std::string name : {"nginx", "worker", "worker@1", "everything"})
        EXPECT_EQ(kind_of(good_file(name)), Kind::Unit) << name;
    for (const std::string name : {"guest-redis", "guest-web"})
        EXPECT_EQ(kind_of(good_file(name)), Kind::Guest) << name;
}

TEST(NameOfFile, IsTheLastPartWithoutItsEnding) {
    EXPECT_EQ(name_of_file("/etc/stead/units/web.toml"), "web");
    EXPECT_EQ(name_of_file("web.toml"), "web");
    EXPECT_EQ(name_of_file("web"), "web");
    EXPECT_EQ(name_of_file("/a.b/worker@1.toml"), "worker@1");
    EXPECT_EQ(name_of_file(""), "");
}

} // namespace stead::unitfile
