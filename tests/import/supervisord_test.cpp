#include "import/supervisord_text.h"
#include "import/support.h"

namespace stead::importing::test {

namespace {

Import programs(const std::string& text) {
    return import_supervisord({{"/etc/supervisor/supervisord.conf", text}}, {});
}

ImportedUnit program(const std::string& lines, const std::string& others = {}) {
    Import import = programs(others + "[program:web]\n" + lines);
    EXPECT_EQ(import.units.size(), 1U);
    return import.units.empty() ? ImportedUnit{} : std::move(import.units.front());
}

TEST(SupervisordText, HasSectionsCommentsAndContinuedValues) {
    const auto sections = parse_supervisord(
        {"a.conf",
         "; top\n[program:a]\nCommand = /bin/a ; why\nenvironment=A=\"1\",\n  B=2\nodd\n"});
    ASSERT_EQ(sections.size(), 1U);
    ASSERT_EQ(sections[0].settings.size(), 3U);
    EXPECT_EQ(sections[0].settings[0].name, "command");
    EXPECT_EQ(sections[0].settings[0].value, "/bin/a");
    EXPECT_EQ(sections[0].settings[1].value, "A=\"1\",\nB=2");
    EXPECT_NE(sections[0].settings[2].problem, "");
}

TEST(SupervisordText, SplitsPairs) {
    const auto pairs = split_pairs("A=\"x,y\", B='q' ,C=plain");
    ASSERT_TRUE(pairs);
    ASSERT_EQ(pairs->size(), 3U);
    EXPECT_EQ((*pairs)[0].second, "x,y");
    EXPECT_EQ((*pairs)[2].second, "plain");
    EXPECT_FALSE(split_pairs("A"));
    EXPECT_FALSE(split_pairs("A=\"open"));
    EXPECT_FALSE(split_pairs("1A=b"));
}

TEST(Programs, BecomeUnits) {
    const ImportedUnit unit = program("command=/bin/web --port 80 \"a b\"\nautostart=false\n"
                                      "autorestart=unexpected\nexitcodes=0,2\nstopsignal=QUIT\n"
                                      "stopwaitsecs=30\nuser=www\ndirectory=/srv\numask=027\n"
                                      "stopasgroup=true\nstdout_logfile=NONE\n"
                                      "environment=A=\"1\",B='100%%'\nredirect_stderr=true\n");
    EXPECT_EQ(value(unit, "command"), R"(["/bin/web", "--port", "80", "a b"])");
    EXPECT_EQ(value(unit, "enabled"), "false");
    EXPECT_EQ(value(unit, "restart.policy"), R"("on-failure")");
    EXPECT_EQ(value(unit, "success-exit"), "[0, 2]");
    EXPECT_EQ(value(unit, "stop.signal"), R"("QUIT")");
    EXPECT_EQ(value(unit, "stop.timeout"), R"("30s")");
    EXPECT_EQ(value(unit, "stop.kill-mode"), R"("control-group")");
    EXPECT_EQ(value(unit, "working-directory"), R"("/srv")");
    EXPECT_EQ(value(unit, "umask"), R"("0027")");
    EXPECT_EQ(value(unit, "log.output"), R"("null")");
    EXPECT_EQ(value(unit, "environment"), R"({ A = "1", B = "100%%" })");
    EXPECT_EQ(unit.count(Mapping::NotMapped), 0U);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Programs, GetTheVariablesOfSupervisordsSection) {
    const ImportedUnit unit = program("command=/bin/web %(ENV_PORT)s %(program_name)s %(here)s\n",
                                      "[supervisord]\nenvironment=PORT=\"80\"\n");
    EXPECT_EQ(value(unit, "command"), R"(["/bin/web", "80", "web", "/etc/supervisor"])");
    EXPECT_EQ(value(unit, "environment.PORT"), R"("80")");
    EXPECT_EQ(mapping(unit, "command"), Mapping::Exact);
}

TEST(Programs, LeaveUnknownVariablesToAShell) {
    const ImportedUnit unit =
        program("command=/bin/web '-x %(ENV_TOKEN)s' it's' %(ENV_TOKEN)s/b\n");
    EXPECT_EQ(value(unit, "command"),
              R"(["/bin/sh", "-c", "exec /bin/web '-x '\"$TOKEN\" its \"$TOKEN\"/b"])");
    EXPECT_EQ(value(unit, "environment-inherit"), R"(["...", "TOKEN"])");
    EXPECT_EQ(mapping(unit, "command"), Mapping::Approximated);
}

TEST(Programs, OfSeveralProcessesAreATemplate) {
    Import import = programs("[program:w]\ncommand=/bin/w %(process_num)02d\nnumprocs=3\n"
                             "process_name=%(program_name)s_%(process_num)02d\n");
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(import.units[0].name, "w@");
    EXPECT_EQ(value(import.units[0], "instances"), R"(["00", "01", "02"])");
    EXPECT_EQ(value(import.units[0], "command"), R"(["/bin/w", "%i"])");
    EXPECT_EQ(mistakes(import.units[0]), "");
}

TEST(Programs, InAGroupFollowIt) {
    Import import =
        programs("[program:a]\ncommand=/bin/a\npriority=1\n[program:b]\ncommand=/bin/b\n"
                 "[group:both]\nprograms=a, b\n");
    ASSERT_EQ(import.units.size(), 3U);
    EXPECT_EQ(value(import.units[1], "after"), R"(["a"])");
    EXPECT_EQ(value(import.units[1], "part-of"), R"(["both.target"])");
    EXPECT_EQ(import.units[2].name, "both.target");
    EXPECT_EQ(value(import.units[2], "wants"), R"(["a", "b"])");
    for (const ImportedUnit& unit : import.units)
        EXPECT_EQ(mistakes(unit), "");
}

TEST(Programs, AndSectionsWithoutACounterpartAreListed) {
    Import import = programs("[unix_http_server]\nfile=/run/s.sock\n[program:a]\ncommand=/bin/a\n"
                             "stdout_events_enabled=true\nfrob=1\n[eventlistener:x]\ncommand=/x\n");
    ASSERT_EQ(import.units.size(), 1U);
    EXPECT_EQ(mapping(import.units[0], "stdout_events_enabled"), Mapping::NotMapped);
    EXPECT_EQ(mapping(import.units[0], "frob"), Mapping::NotMapped);
    EXPECT_EQ(import.skipped.size(), 2U);
}

TEST(Programs, WithMistakesAreListed) {
    const ImportedUnit unit = program("command=/bin/a\nnumprocs=1\nuser=a b\nstopsignal=FOO\n"
                                      "environment=x\ndirectory=%(nobody)s\nexitcodes=a\n");
    for (const char* name : {"user", "stopsignal", "environment", "directory", "exitcodes"})
        EXPECT_EQ(mapping(unit, name), Mapping::NotMapped) << name;
    EXPECT_EQ(mistakes(unit), "");
    EXPECT_EQ(programs("[program:a]\ncommand=/bin/a\nnumprocs=99999\n").skipped.size(), 1U);
    EXPECT_EQ(programs("[program:a/../b]\ncommand=/bin/a\n").skipped.size(), 1U);
}

} // namespace

} // namespace stead::importing::test
