#include <sched.h>
#include <sys/un.h>

#include <netinet/in.h>

#include "compile/calendar.h"
#include "compile/fixture.h"

namespace stead::compile {
namespace {

using test::system_options;
using test::units;

const std::string kTrue = "command = \"true\"\n";

Calendar calendar(const std::string& text) {
    const CalendarText read = parse_calendar(text);
    EXPECT_TRUE(read.calendar.has_value()) << text << ": " << read.problem;
    return read.calendar.value_or(Calendar{});
}

TEST(CalendarText, ReadsDaysDatesAndTimes) {
    Calendar expected;
    EXPECT_EQ(calendar("daily"), expected);
    EXPECT_EQ(calendar("*-*-*"), expected);
    EXPECT_EQ(calendar("00:00"), expected);
    expected.weekdays = 0b0111110;
    expected.hours = 1U << 3U;
    expected.minutes = std::uint64_t{1} << 30U;
    EXPECT_EQ(calendar("Mon..Fri 03:30"), expected);
    EXPECT_EQ(calendar("  mon..friday   *-*-*  3:30:00 "), expected);
    expected = {};
    expected.weekdays = 0b1000011;
    EXPECT_EQ(calendar("Sat..Mon"), expected);
    expected = {};
    expected.hours = 0xffffff;
    expected.minutes =
        1 | std::uint64_t{1} << 15U | std::uint64_t{1} << 30U | std::uint64_t{1} << 45U;
    EXPECT_EQ(calendar("*:0/15"), expected);
    EXPECT_EQ(calendar("*:00,15,30,45:00"), expected);
    expected = {};
    expected.months = 1U << 2U;
    expected.last_days = 0b1110;
    EXPECT_EQ(calendar("*-02~03/1"), expected);
    expected = {};
    expected.first_year = expected.last_year = 2027;
    expected.months = 1U << 12U;
    expected.days = 1U << 24U;
    EXPECT_EQ(calendar("2027-12-24"), expected);
}

TEST(CalendarText, TakesAZoneFromItsEnd) {
    const CalendarText read = parse_calendar("Sun *-*-* 06:00 America/New_York");
    ASSERT_TRUE(read.calendar);
    EXPECT_EQ(read.zone, "America/New_York");
    EXPECT_EQ(parse_calendar("hourly UTC").zone, "UTC");
    EXPECT_EQ(parse_calendar("daily").zone, "");
}

TEST(CalendarText, RefusesWhatIsNoTime) {
    for (const char* text : {"",
                             " ",
                             "noon",
                             "24:00",
                             "12:60",
                             "12",
                             "1:2:3:4",
                             "Mon..",

                             "*-13-01",
                             "*-00-01",
                             "*-01-32",
                             "*-02-30",
                             "*:0/0",
                             "*:5..3",
                             "*:1..60",
                             "-1:00",
                             "*-*-*-*",
                             "1969-01-01",
                             "2000..1999-01-01",
                             "03:30 *-*-*",
                             "Europe/Berlin",
                             "12:00:00.5",
                             "*:/5",
                             ",",
                             "Mon,,Tue",
                             "*-*-~",
                             "99999999999:00",
                             "daily daily daily"}) {
        const CalendarText read = parse_calendar(text);
        EXPECT_FALSE(read.calendar) << text;
        EXPECT_FALSE(read.problem.empty()) << text;
    }
    EXPECT_FALSE(parse_calendar(std::string(300, '*')).calendar);
}

TEST(Activation, DescribesSocketsAsAddresses) {
    const auto outcome = units({{"web", kTrue + "[socket.http]\n"
                                                "listen = [\"tcp:80\", \"udp:127.0.0.1:53\"]\n"
                                                "[socket.local]\n"
                                                "listen = [\"unix:/run/a\", \"fifo:/run/b\"]\n"
                                                "mode = \"0660\"\nuser = \"app\"\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    const auto& sockets = outcome.unit("web")->sockets;
    ASSERT_EQ(sockets.size(), 4U);
    EXPECT_EQ(sockets[0].name, "http");
    sockaddr_in6 any{};
    ASSERT_EQ(sockets[0].address.size(), sizeof any);
    std::memcpy(&any, sockets[0].address.data(), sizeof any);
    EXPECT_EQ(any.sin6_family, AF_INET6);
    EXPECT_EQ(ntohs(any.sin6_port), 80);
    EXPECT_EQ(sockets[1].kind, SocketKind::Datagram);
    EXPECT_EQ(sockets[1].address.size(), sizeof(sockaddr_in));
    EXPECT_EQ(sockets[2].name, "local");
    EXPECT_EQ(sockets[2].uid, 1000U);
    EXPECT_EQ(sockets[2].mode, 0660U);
    EXPECT_EQ(sockets[3].kind, SocketKind::Fifo);
    EXPECT_EQ(outcome.unit("web")->policy.traits, 0U);
}

TEST(Activation, NamesWhatTheHostHasOpenedInPlaceOfAnAddress) {
    const auto outcome = units({{"web", kTrue + "socket.http.listen = [\"host:shop.socket\"]\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    ASSERT_EQ(outcome.unit("web")->sockets.size(), 1U);
    const auto& address = outcome.unit("web")->sockets.front().address;
    ASSERT_GT(address.size(), 2U);
    EXPECT_EQ(address[0], std::byte{AF_UNSPEC});
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(address.data()) + 2, address.size() - 2),
              "shop.socket");
    EXPECT_TRUE(plan::write(outcome.plan));
    const auto counted = units({{"web", kTrue + "type = \"notify-fd\"\nready.fd = 30\n"
                                                "socket.http.listen = [\"host:http\"]\n"}});
    EXPECT_NE(counted.messages.find("how many sockets 'host:http' is"), std::string::npos)
        << counted.messages;
}

TEST(Activation, LeavesLazyAndTimedUnitsToWhatStartsThem) {
    const auto outcome =
        units({{"lazy", kTrue + "[socket.s]\nlisten = [\"tcp:80\"]\nlazy = true\n"},
               {"timed", kTrue + "type = \"oneshot\"\ntimer = \"Mon 03:30\"\n"},
               {"each", kTrue + "[timer]\nevery = \"10m\"\non-boot = \"0s\"\njitter = \"5s\"\n"}});
    ASSERT_NE(outcome.unit("each"), nullptr) << outcome.messages;
    EXPECT_EQ(outcome.unit("lazy")->policy.traits, kOnDemand);
    EXPECT_EQ(outcome.unit("timed")->policy.traits, kOnDemand);
    EXPECT_FALSE(outcome.unit("timed")->policy.remain_after_exit);
    ASSERT_TRUE(outcome.unit("timed")->timer);
    EXPECT_EQ(outcome.unit("timed")->timer->flags, kTimerCalendar);
    EXPECT_EQ(outcome.unit("each")->timer->every_ms, 600'000U);
    EXPECT_EQ(outcome.unit("each")->timer->jitter_ms, 5'000U);
    EXPECT_EQ(outcome.unit("each")->timer->flags, kTimerOnBoot);
}

TEST(Activation, AsksForTheZoneOfACalendar) {
    auto options = system_options();
    std::vector<std::string> asked;
    options.zone = [&](const std::string& name) -> std::optional<std::vector<ZoneChange>> {
        asked.push_back(name);
        if (name == "Nowhere") return std::nullopt;
        return std::vector<ZoneChange>{{0, 3600, 0}};
    };
    const auto outcome = units({{"here", kTrue + "timer = \"03:30\"\n"},
                                {"utc", kTrue + "timer = \"03:30 UTC\"\n"},
                                {"bad", kTrue + "timer = \"03:30 Nowhere\"\n"}},
                               options);
    EXPECT_EQ(outcome.unit("here")->timer->zone.size(), 1U);
    EXPECT_TRUE(outcome.unit("utc")->timer->zone.empty());
    EXPECT_EQ(outcome.unit("bad"), nullptr);
    EXPECT_NE(outcome.messages.find("no time zone 'Nowhere'"), std::string::npos);
    EXPECT_EQ(asked, (std::vector<std::string>{"", "Nowhere"}));
}

TEST(Activation, RefusesWhatCannotBe) {
    struct Case {
        const char* text;
        const char* message;
    };

    for (const Case& bad :
         {Case{"[socket.s]\nmode = \"0600\"\n", "has no `listen`"},
          Case{"[socket.\"a:b\"]\nlisten = [\"tcp:80\"]\n", "has other characters"},
          Case{"[socket.s]\nlisten = [\"udp:80\"]\nper-connection = true\n", "has no connections"},
          Case{"[socket.s]\nlisten = [\"tcp:80\"]\nper-connection = true\nlazy = true\n",
               "is lazy already"},
          Case{"type = \"notify\"\n[socket.s]\nlisten = [\"tcp:80\"]\nper-connection = true\n",
               "needs type = \"exec\""},
          Case{"type = \"notify-fd\"\n[socket.s]\nlisten = [\"tcp:80\"]\n", "use 4"},
          Case{"[timer]\nevery = \"1h\"\npersistent = true\n", "for a timer with a calendar"},
          Case{"[socket.s]\nlisten = [\"tcp:80\"]\nuser = \"nobody-here\"\n", "no user"},
          Case{"timer = \"whenever\"\n", "timer.calendar is 'whenever'"}}) {
        const auto outcome = units({{"web", kTrue + bad.text}});
        EXPECT_EQ(outcome.unit("web"), nullptr) << bad.text;
        EXPECT_NE(outcome.messages.find(bad.message), std::string::npos)
            << bad.text << outcome.messages;
    }
}

TEST(Files, ComeFromTheOutsideInwards) {
    const auto outcome = units({{"web", kTrue + "[files]\nread-only = [\"/srv\", \"/opt/app\"]\n"
                                                "read-write = [\"/srv/data\"]\n"
                                                "hidden = [\"/srv/data/keys\"]\n"
                                                "private-tmp = true\nprotect-system = \"full\"\n"},
                                {"strict", kTrue + "directories.state = [\"app\"]\n"
                                                   "files.protect-system = \"strict\"\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    EXPECT_EQ(
        outcome.unit("web")->exec.view,
        (std::vector<std::string>{"r-/boot", "r-/efi", "r/etc", "r/opt/app", "r/srv", "w/srv/data",
                                  "h/srv/data/keys", "t-/tmp", "r-/usr", "t-/var/tmp"}));
    ASSERT_NE(outcome.unit("strict"), nullptr) << outcome.messages;
    const auto& view = outcome.unit("strict")->exec.view;
    EXPECT_EQ(view, (std::vector<std::string>{"r/", "w-/dev", "w-/dev/mqueue", "w-/dev/pts",
                                              "w-/dev/shm", "w-/proc", "w/var/lib/app"}));
}

TEST(Files, NeedAGuestThatMayMount) {
    auto options = system_options();
    options.users = recipe::Users::Host;
    const auto outcome = units({{"web", kTrue + "files.read-only = [\"/srv\"]\n"}}, options);
    EXPECT_EQ(outcome.unit("web"), nullptr);
    EXPECT_NE(outcome.messages.find("users = \"private\""), std::string::npos);
    // A jail's PID 1 has no right to it either.
    EXPECT_NE(units({{"web", kTrue + "namespaces = [\"net\"]\n"}}, options)
                  .rejection("web")
                  .find("`namespaces` needs a guest with users = \"private\""),
              std::string::npos);
    options.foreign = true;
    EXPECT_NE(units({{"web", kTrue + "files.read-only = [\"/srv\"]\n"}}, options).unit("web"),
              nullptr);
    EXPECT_EQ(units({{"web", kTrue + "files.hidden = [\"/\"]\n"}}).unit("web"), nullptr);
}

TEST(Files, DoNotLieBelowWhatIsNotSeen) {
    const auto outcome =
        units({{"web", kTrue + "files = { hidden = [\"/srv\"], read-only = [\"/srv/app\"] }\n"},
               {"tmp", kTrue + "files = { private-tmp = true, read-write = [\"/tmp/x\"] }\n"},
               {"fine", kTrue + "files = { hidden = [\"/srv\"], read-only = [\"/srv2\"] }\n"}});
    EXPECT_EQ(outcome.rejection("web"), "web.toml:2:43: [files] has '/srv/app', and the unit sees "
                                        "nothing of /srv, which is hidden; take one of them out");
    EXPECT_NE(outcome.rejection("tmp").find("/tmp, which is its own"), std::string::npos);
    EXPECT_NE(outcome.unit("fine"), nullptr) << outcome.messages;
}

TEST(Namespaces, AreThoseThatAUnitCanHave) {
    const auto outcome =
        units({{"web", kTrue + "namespaces = [\"net\", \"uts\"]\n"},
               {"pid", kTrue + "namespaces = [\"pid\"]\n"},
               {"nett", kTrue + "namespaces = [\"nett\"]\n"},
               {"probe", kTrue + "namespaces = [\"net\"]\nready.tcp = \"127.0.0.1:80\"\n"},
               {"path", kTrue + "namespaces = [\"net\"]\nready.unix = \"/run/app\"\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    EXPECT_EQ(outcome.unit("web")->exec.namespaces,
              static_cast<std::uint32_t>(CLONE_NEWNET | CLONE_NEWUTS));
    EXPECT_EQ(outcome.unit("web")->remarks,
              std::vector<std::string>{"has namespaces of its own: net, uts"});
    EXPECT_EQ(
        outcome.rejection("pid"),
        "pid.toml:2:15: a unit has no pid namespace of its own: the kernel mounts no /proc of "
        "its own below the masks of a guest's");
    EXPECT_EQ(outcome.rejection("nett"),
              "nett.toml:2:15: there is no namespace 'nett'; did you mean 'net'?");
    EXPECT_NE(outcome.rejection("probe").find("ask the guest's network"), std::string::npos);
    EXPECT_NE(outcome.unit("path"), nullptr) << outcome.messages;
}

TEST(Delegate, IsAViewOfTheUnitsOwnCgroup) {
    const auto outcome = units({{"web", kTrue + "delegate = true\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    EXPECT_EQ(outcome.unit("web")->exec.view, std::vector<std::string>{"c/sys/fs/cgroup"});
    EXPECT_EQ(outcome.unit("web")->exec.namespaces, static_cast<std::uint32_t>(CLONE_NEWCGROUP));
    EXPECT_EQ(outcome.unit("web")->exec.cgroup_settings.back().value, "16");
    auto options = system_options();
    options.users = recipe::Users::Host;
    EXPECT_NE(units({{"web", kTrue + "delegate = true\n"}}, options)
                  .rejection("web")
                  .find("`delegate` needs a guest with users = \"private\""),
              std::string::npos);
}

TEST(Alias, StandsForTheUnitInOthersFiles) {
    const auto outcome = units({{"app", kTrue + "requires = [\"db\"]\nafter = [\"sql\"]\n"},
                                {"postgres", kTrue + "alias = [\"db\", \"sql\"]\n"},
                                {"lost", kTrue + "requires = [\"dbb\"]\n"}});
    ASSERT_NE(outcome.unit("app"), nullptr) << outcome.messages;
    EXPECT_TRUE(outcome.has_edge("app", "postgres", DependencyKind::Requires));
    const std::vector<std::pair<std::string, std::string>> aliases{{"db", "postgres"},
                                                                   {"sql", "postgres"}};
    EXPECT_EQ(outcome.plan.aliases, aliases);
    EXPECT_EQ(outcome.unit("lost"), nullptr);
}

TEST(Alias, IsNobodyElsesName) {
    const auto outcome = units({{"one", kTrue + "alias = [\"two\"]\n"},
                                {"two", kTrue},
                                {"three", kTrue + "alias = [\"x\"]\n"},
                                {"four", kTrue + "alias = [\"x\"]\n"},
                                {"five", kTrue + "alias = [\"five\"]\n"}});
    EXPECT_EQ(outcome.rejection("one"),
              "one.toml:2:10: alias 'two' is the name of a unit already; take it out");
    EXPECT_EQ(outcome.rejection("four"),
              "four.toml:2:10: alias 'x' is an alias of 'three' already; take it out");
    EXPECT_FALSE(outcome.rejection("five").empty());
    EXPECT_NE(outcome.unit("two"), nullptr);
    EXPECT_NE(outcome.unit("three"), nullptr);
}

TEST(Reload, OfAProgramThatNotifiesIsATrait) {
    const auto outcome = units({{"web", kTrue + "type = \"notify\"\n"
                                                "reload = { signal = \"HUP\", notify = true }\n"}});
    ASSERT_NE(outcome.unit("web"), nullptr) << outcome.messages;
    EXPECT_EQ(outcome.unit("web")->policy.traits, kReloadNotifies);
}

} // namespace
} // namespace stead::compile
