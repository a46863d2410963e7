#include "unitfile/keys.h"
#include "unitfile/support.h"

namespace stead::unitfile {

namespace {

using test::good_unit;
using test::mistakes;

std::string good_file(const std::string& name) {
    return test::bytes_of(std::string(STEAD_TEST_DATA) + "/units/good/" + name + ".toml");
}

std::vector<std::string> values_of(const TextList& list) {
    std::vector<std::string> values;
    for (const Text& text : list)
        values.push_back(text.value);
    return values;
}

using Values = std::vector<std::string>;

StopStep step(std::uint8_t signal, std::uint32_t wait_ms) {
    StopStep step;
    step.signal = signal;
    step.wait_ms = wait_ms;
    return step;
}

} // namespace

TEST(ReadUnit, FillsInEveryDefault) {
    const UnitSpec unit = good_unit("command = \"/usr/bin/app\"\n", "app");
    EXPECT_EQ(unit.name, "app");
    EXPECT_EQ(unit.file, "app.toml");
    EXPECT_EQ(unit.instance, "");
    EXPECT_EQ(unit.type, UnitType::Exec);
    EXPECT_TRUE(unit.enabled);
    EXPECT_FALSE(unit.essential);
    EXPECT_FALSE(unit.require);
    EXPECT_EQ(unit.command, Argv{"/usr/bin/app"});
    EXPECT_EQ(unit.command_place.line, 1U);
    EXPECT_EQ(unit.command_place.column, 11U);
    EXPECT_EQ(unit.user.value, "root");
    EXPECT_FALSE(unit.user.given());
    EXPECT_EQ(unit.working_directory.value, "/");
    EXPECT_EQ(unit.umask, 022U);
    EXPECT_TRUE(unit.remain_after_exit);
    EXPECT_EQ(unit.success_exit, default_success_exit());
    EXPECT_FALSE(unit.capabilities.given);
    EXPECT_FALSE(unit.no_new_privileges.has_value());
    EXPECT_EQ(unit.system_call_error, "EPERM");
    EXPECT_EQ(unit.hook_timeout, 30_s);
    EXPECT_EQ(unit.ready.kind, ReadyKind::None);
    EXPECT_EQ(unit.ready_timeout, 90_s);
    EXPECT_EQ(unit.restart, RestartPolicy::OnFailure);
    EXPECT_EQ(unit.restart_delay, 500_ms);
    EXPECT_EQ(unit.restart_burst, 10U);
    EXPECT_EQ(unit.restart_interval, 5_min);
    EXPECT_EQ(unit.stop_schedule, std::vector<StopStep>{step(15, 10'000)});
    EXPECT_EQ(unit.kill_mode, KillMode::ControlGroup);
    EXPECT_EQ(unit.reload_signal, 0);
    EXPECT_EQ(unit.output, OutputKind::Log);
    EXPECT_TRUE(unit.error_follows_output);
    EXPECT_EQ(unit.log_size, 1U << 20U);
    EXPECT_EQ(unit.directory_mode, 0750U);
    EXPECT_FALSE(unit.nice.has_value());
}

TEST(ReadUnit, ReadsIdentityAndRelations) {
    const UnitSpec unit = good_unit(good_file("everything"), "app");
    EXPECT_EQ(unit.description, "All of app");
    EXPECT_EQ(values_of(unit.documentation), (Values{"man:app(8)", "https://example.org/app"}));
    EXPECT_EQ(unit.type, UnitType::NotifyFd);
    EXPECT_FALSE(unit.enabled);
    EXPECT_TRUE(unit.essential);
    EXPECT_TRUE(unit.require);
    EXPECT_EQ(values_of(unit.needs), Values{"db"});
    EXPECT_EQ(values_of(unit.binds_to), Values{"cache"});
    EXPECT_EQ(values_of(unit.wants), Values{"mail"});
    EXPECT_EQ(values_of(unit.after), Values{"clock"});
    EXPECT_EQ(values_of(unit.before), Values{"web"});
    EXPECT_EQ(values_of(unit.conflicts), Values{"old-app"});
    EXPECT_EQ(unit.needs[0].place.line, 9U);
    EXPECT_EQ(unit.needs[0].place.column, 14U);
}

TEST(ReadUnit, ReadsTheProcess) {
    const UnitSpec unit = good_unit(good_file("everything"), "app");
    EXPECT_EQ(unit.command,
              (Argv{"/usr/bin/app", "--data", "/srv/data dir", "--unit", "app", "100%"}));
    EXPECT_EQ(unit.user.value, "1000");
    EXPECT_TRUE(unit.user.given());
    EXPECT_EQ(unit.group.value, "app");
    EXPECT_EQ(values_of(unit.supplementary_groups), (Values{"ssl-cert", "44"}));
    EXPECT_EQ(unit.working_directory.value, "/srv/app");
    EXPECT_EQ(unit.umask, 027U);
    ExitSet success = default_success_exit();
    success.add_code(75);
    EXPECT_EQ(unit.success_exit, success);
    EXPECT_EQ(unit.environment,
              (std::map<std::string, std::string>{{"DATA", "/srv/data"}, {"NAME", "app"}}));
    EXPECT_TRUE(unit.environment_inherit.given);
    EXPECT_EQ(values_of(unit.environment_inherit.items), (Values{"...", "!TZ", "LC_ALL"}));
    EXPECT_EQ(values_of(unit.capabilities.items), Values{"NET_BIND_SERVICE"});
    EXPECT_EQ(values_of(unit.ambient_capabilities.items), Values{"NET_BIND_SERVICE"});
    EXPECT_EQ(unit.no_new_privileges, true);
    EXPECT_EQ(values_of(unit.system_calls.items), (Values{"...", "!@mount", "clone3"}));
    EXPECT_EQ(unit.system_call_error, "ENOSYS");
}

TEST(ReadUnit, ReadsHooksAndReadiness) {
    const UnitSpec unit = good_unit(good_file("everything"), "app");
    EXPECT_EQ(unit.pre_start, (std::vector<Argv>{{"mkdir", "-p", "/srv/data"}}));
    EXPECT_EQ(unit.post_start, (std::vector<Argv>{{"logger", "up"}}));
    EXPECT_EQ(unit.pre_stop, (std::vector<Argv>{{"logger", "down"}, {"sleep", "1"}}));
    EXPECT_EQ(unit.post_stop, (std::vector<Argv>{{"logger", "a b"}, {"logger", "c"}}));
    EXPECT_EQ(unit.hook_timeout, 1_min);
    EXPECT_EQ(unit.ready_fd, 37U);
    EXPECT_EQ(unit.ready_interval, 1_s);
    EXPECT_TRUE(unit.ready_timeout.is_infinite());
}

TEST(ReadUnit, ReadsRestartStopAndReload) {
    const UnitSpec unit = good_unit(good_file("everything"), "app");
    EXPECT_EQ(unit.restart, RestartPolicy::OnAbnormal);
    EXPECT_EQ(unit.restart_mode, RestartMode::Normal);
    EXPECT_EQ(unit.restart_delay, 0_s);
    EXPECT_EQ(unit.restart_factor, 1.0);
    EXPECT_EQ(unit.restart_max_delay, 2_min);
    EXPECT_EQ(unit.restart_jitter, 0.5);
    EXPECT_EQ(unit.restart_reset_after, 60_min);
    EXPECT_EQ(unit.restart_burst, kUnlimited);
    EXPECT_EQ(unit.restart_interval, 10_min);
    ExitSet prevent;
    prevent.add_code(78);
    prevent.add_signal(6);
    EXPECT_EQ(unit.restart_prevent, prevent);
    EXPECT_EQ(unit.stop_schedule, (std::vector<StopStep>{step(2, 5'000), step(37, 60'000),
                                                         step(3, kForever), step(9, 0)}));
    EXPECT_EQ(unit.stop_command, (Argv{"app", "stop"}));
    EXPECT_EQ(unit.kill_mode, KillMode::Mixed);
    EXPECT_TRUE(unit.send_hup);
    EXPECT_EQ(unit.reload_command, (Argv{"app", "reload"}));
}

TEST(ReadUnit, ReadsLogLimitsAndDirectories) {
    const UnitSpec unit = good_unit(good_file("everything"), "app");
    EXPECT_EQ(unit.output, OutputKind::File);
    EXPECT_EQ(unit.output_target, "/var/log/app.log");
    EXPECT_EQ(unit.error, OutputKind::Console);
    EXPECT_FALSE(unit.error_follows_output);
    EXPECT_EQ(unit.log_size, UINT64_MAX);
    EXPECT_EQ(unit.log_keep, 0U);
    EXPECT_FALSE(unit.log_timestamp);
    ASSERT_EQ(unit.rlimits.size(), 3U);
    EXPECT_EQ(unit.rlimits[0].name, "nofile");
    EXPECT_EQ(unit.rlimits[0].limit, (ResourceLimit{7, 0, 1024, 65536}));
    EXPECT_EQ(unit.rlimits[2].limit, (ResourceLimit{8, 0, 64U << 20U, 64U << 20U}));
    ASSERT_EQ(unit.levels.size(), 2U);
    EXPECT_EQ(unit.levels[0].key, "memory-max");
    EXPECT_EQ(unit.levels[0].value, "512M");
    EXPECT_EQ(unit.levels[0].file, "memory.max");
    EXPECT_EQ(unit.levels[0].content, "536870912");
    EXPECT_EQ(unit.levels[1].content, "128");
    EXPECT_EQ(unit.nice, -5);
    EXPECT_EQ(unit.oom_score_adjust, 500);
    ASSERT_EQ(unit.directories.size(), 5U);
    EXPECT_EQ(unit.directories[1].kind, DirectoryKind::State);
    EXPECT_EQ(unit.directories[1].name, "app/app");
    EXPECT_EQ(unit.directories[4].kind, DirectoryKind::Logs);
    EXPECT_EQ(unit.directory_mode, 0700U);
}

TEST(ReadUnit, RemembersWhereEachKeyStands) {
    const UnitSpec spec =
        good_unit("command = \"a\"\nrestart = \"always\"\n\n[scheduling]\nnice = 5\n");
    EXPECT_TRUE(spec.keys.has("restart.policy"));
    EXPECT_EQ(spec.keys.find("scheduling.nice").line, 5U);
    EXPECT_EQ(spec.keys.find("scheduling.nice").column, 8U);
    EXPECT_FALSE(spec.keys.has("user"));
    EXPECT_TRUE(spec.keys.find("user").file.empty());
}

TEST(ReadUnit, LetsMainKeysStandForTheirTables) {
    const UnitSpec unit = good_unit("command = \"a\"\nrestart = \"always\"\nstop = \"QUIT\"\n"
                                    "reload = \"HUP\"\nlog = \"console\"\n");
    EXPECT_EQ(unit.restart, RestartPolicy::Always);
    EXPECT_EQ(unit.stop_schedule, std::vector<StopStep>{step(3, 10'000)});
    EXPECT_EQ(unit.reload_signal, 1);
    EXPECT_EQ(unit.output, OutputKind::Console);
}

TEST(ReadUnit, TakesEveryWayToWriteATable) {
    for (const std::string text : {"stop = { signal = \"QUIT\", timeout = \"5s\" }\n",
                                   "stop.signal = \"QUIT\"\nstop.timeout = \"5s\"\n",
                                   "[stop]\nsignal = \"SIGQUIT\"\ntimeout = \"5s\"\n"})
        EXPECT_EQ(good_unit("command = \"a\"\n" + text).stop_schedule,
                  std::vector<StopStep>{step(3, 5'000)});
}

TEST(ReadUnit, ReadsTheExamplesOfTheFormat) {
    const UnitSpec nginx = good_unit(good_file("nginx"), "nginx");
    EXPECT_EQ(nginx.command, (Argv{"nginx", "-g", "daemon off;"}));
    EXPECT_EQ(nginx.ready.kind, ReadyKind::Tcp);
    EXPECT_EQ(nginx.ready.endpoint, "127.0.0.1:80");
    EXPECT_EQ(nginx.reload_signal, 1);
    EXPECT_EQ(nginx.capabilities.items.size(), 6U);

    const UnitSpec worker = good_unit(good_file("worker"), "worker");
    EXPECT_EQ(worker.user.value, "app");

    const UnitSpec first = good_unit(good_file("worker@1"), "worker@1");
    EXPECT_EQ(first.instance, "1");
    EXPECT_EQ(first.command, (Argv{"/opt/app/worker", "--slot", "1"}));
}

TEST(ReadUnit, ReadsEachProbe) {
    EXPECT_EQ(good_unit("command = \"a\"\nready.exec = \"pg_isready -q\"\n").ready.exec,
              (Argv{"pg_isready", "-q"}));
    EXPECT_EQ(good_unit("command = \"a\"\nready.unix = \"/run/%n\"\n").ready.endpoint, "/run/web");
    EXPECT_EQ(good_unit("command = \"a\"\nready.path = \"/run/x\"\n").ready.kind, ReadyKind::Path);
    EXPECT_EQ(
        good_unit("type = \"notify\"\ncommand = \"a\"\nready.access = \"all\"\n").notify_access,
        NotifyAccess::All);
}

TEST(ReadUnit, TakesEmptyDefaultsAsNotWritten) {
    const UnitSpec unit =
        good_unit("type = \"notify\"\ncommand = \"a\"\ngroup = \"\"\nrequires = []\n"
                  "[ready]\ntcp = \"\"\nexec = []\n[stop]\nschedule = []\n");
    EXPECT_EQ(unit.ready.kind, ReadyKind::None);
    EXPECT_FALSE(unit.group.given());
    EXPECT_EQ(unit.stop_schedule.size(), 1U);
}

TEST(ReadUnit, ReadsATarget) {
    const UnitSpec unit = good_unit("type = \"target\"\nrequires = [\"web\"]\n", "default");
    EXPECT_EQ(unit.type, UnitType::Target);
    EXPECT_TRUE(unit.command.empty());
}

TEST(ReadUnit, RaisesTheLongestDelayWithAWrittenOne) {
    EXPECT_EQ(good_unit("command = \"a\"\nrestart.delay = \"5m\"\n").restart_max_delay, 5_min);
}

TEST(ReadUnit, IgnoresPrivateTables) {
    const auto unit = good_unit("command = \"a\"\n[x-mine]\nuser = 5\n[limits.x-other]\na = 1\n");
    EXPECT_EQ(unit.command, Argv{"a"});
    EXPECT_EQ(unit.user.value, "root");
}

TEST(ReadUnit, DoesNotMindTheOrderOfKeys) {
    EXPECT_EQ(good_unit("command = \"a ${B}\"\n[environment]\nB = \"c\"\n").command,
              (Argv{"a", "c"}));
}

TEST(ReadUnit, ReadsLineEndsOfWindowsAndAByteOrderMark) {
    EXPECT_EQ(good_unit("\xef\xbb\xbf"
                        "command = \"a\"\r\nuser = \"b\"\r\n")
                  .user.value,
              "b");
}

TEST(ReadUnit, RefusesNamesThatNoUnitHas) {
    EXPECT_EQ(mistakes("command = \"a\"\n", "a/b"),
              "a/b.toml: error: unit name 'a/b' has a character other than letters, digits and "
              "_ . @ : -\n");
    (void)mistakes("command = \"a\"\n", "");
    (void)mistakes("command = \"a\"\n", "a\nb");
    (void)mistakes("command = \"a\"\n", ".a");
    (void)mistakes("command = \"a\"\n", std::string(256, 'x'));
}

TEST(ReadUnit, ReportsEveryMistakeInTheOrderOfTheFile) {
    Diagnostics diagnostics;
    (void)read_unit("usr = 1\nuser = []\n[stop]\nsignal = \"X\"\nfoo = 1\n", "a.toml", "a",
                    diagnostics);
    ASSERT_EQ(diagnostics.all().size(), 5U);
    for (std::uint32_t i = 0; i < 4; ++i)
        EXPECT_EQ(diagnostics.all()[i].place.line, i + (i < 2 ? 1 : 2));
    EXPECT_EQ(diagnostics.all()[4].place.line, 0U);
}

TEST(ReadUnit, RefusesEveryKeyThatIsNotSupportedYet) {
    for (const Key& key : unit_keys()) {
        if (key.support == Support::Now || key.table.ends_with("*")) continue;
        const std::string name = key.name == "*" ? "secret" : std::string(key.name);
        const std::string text = "command = \"a\"\n" +
                                 (key.table.empty() ? "" : std::string(key.table) + ".") + name +
                                 " = \"x\"\n";
        EXPECT_NE(mistakes(text).find("not supported yet"), std::string::npos) << text;
    }
}

} // namespace stead::unitfile
