#include "import/support.h"

namespace stead::importing::test {

namespace {

SystemdUnit unit_file(const std::string& name, const std::string& text) {
    return {name, {{"/units/" + name, text}}, {}, {}};
}

const ImportedUnit& find(const Import& import, const std::string& name) {
    static const ImportedUnit kNothing;
    for (const ImportedUnit& unit : import.units)
        if (unit.name == name) return unit;
    ADD_FAILURE() << "there is no unit " << name;
    return kNothing;
}

TEST(Dependencies, HaveTheNamesOfUnits) {
    const ImportedUnit unit = unit_of("[Unit]\nAfter=network.target a.service b@1.service\n"
                                      "Wants=c.socket\nAfter=c.service\nBefore=d.target\n"
                                      "Conflicts=shutdown.target\n[Service]\nExecStart=/bin/a\n");
    EXPECT_EQ(value(unit, "after"), R"(["a", "b@1", "c"])");
    EXPECT_EQ(value(unit, "wants"), R"(["c"])");
    EXPECT_EQ(value(unit, "before"), R"(["d.target"])");
    EXPECT_EQ(value(unit, "conflicts"), "");
    EXPECT_EQ(unit.count(Mapping::Exact), unit.items.size());
}

TEST(Dependencies, ThatIncludeOrderHereSaySo) {
    const ImportedUnit unit = unit_of(
        "[Unit]\nWants=a.service b.service\nBefore=b.service\n[Service]\nExecStart=/bin/x\n");
    EXPECT_EQ(value(unit, "wants"), R"(["a"])");
    EXPECT_EQ(value(unit, "before"), R"(["b"])");
    EXPECT_NE(note(unit, "Wants").find("waits for 'a'"), std::string::npos);
    EXPECT_NE(note(unit, "Wants").find("'b' starts after this one"), std::string::npos);
    EXPECT_EQ(mistakes(unit), "");
}

TEST(Installation, DecidesWhatStartsWithTheGuest) {
    const char* service = "[Service]\nExecStart=/bin/x\n";
    EXPECT_EQ(
        value(unit_of(std::string(service) + "[Install]\nWantedBy=multi-user.target\n"), "enabled"),
        "");
    EXPECT_EQ(value(unit_of(service), "enabled"), "false");
    EXPECT_EQ(value(unit_of(std::string(service) + "[Install]\nAlias=b.service\n"), "alias"),
              R"(["b"])");
}

TEST(Installation, BelowAnotherUnitIsThatUnitsList) {
    const Import import = import_systemd(
        {unit_file("a.service", "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=b.target\n"),
         unit_file("b.target", "[Unit]\nDescription=B\n[Install]\nWantedBy=multi-user.target\n")},
        {});
    EXPECT_EQ(value(find(import, "b.target"), "wants"), R"(["a"])");
    EXPECT_EQ(value(find(import, "b.target"), "type"), R"("target")");
    EXPECT_EQ(mistakes(find(import, "b.target")), "");
}

TEST(Installation, BelowAUnitThatComesFirstIsTheGuestsStart) {
    const Import import = import_systemd(
        {unit_file("a.service", "[Unit]\nAfter=b.service\n[Service]\nExecStart=/bin/a\n"
                                "[Install]\nWantedBy=b.service\n"),
         unit_file("b.service",
                   "[Service]\nExecStart=/bin/b\n[Install]\nWantedBy=multi-user.target\n")},
        {});
    EXPECT_EQ(value(find(import, "b"), "wants"), "");
    EXPECT_EQ(value(find(import, "a"), "after"), R"(["b"])");
    EXPECT_EQ(value(find(import, "a"), "enabled"), "");
    EXPECT_EQ(mapping(find(import, "a"), "WantedBy"), Mapping::Approximated);
}

TEST(Sockets, AreTablesOfTheirUnit) {
    const Import import = import_systemd(
        {unit_file("a.socket", "[Socket]\nListenStream=80\nListenStream=[::1]:81\n"
                               "ListenDatagram=127.0.0.1:53\nListenStream=/run/a.sock\n"
                               "SocketMode=0660\nSocketUser=www\nBacklog=5\n"
                               "[Install]\nWantedBy=sockets.target\n"),
         unit_file("a.service", "[Service]\nExecStart=/bin/a\n")},
        {});
    const ImportedUnit& unit = find(import, "a");
    EXPECT_EQ(value(unit, "socket.a.listen"),
              R"(["tcp:80", "tcp:[::1]:81", "udp:127.0.0.1:53", "unix:/run/a.sock"])");
    EXPECT_EQ(value(unit, "socket.a.mode"), R"("0660")");
    EXPECT_EQ(value(unit, "socket.a.lazy"), "true");
    EXPECT_EQ(value(unit, "enabled"), "");
    EXPECT_EQ(mapping(unit, "Backlog"), Mapping::Approximated);
    EXPECT_TRUE(import.skipped.empty());
}

TEST(Sockets, WithAUnitPerConnectionBelongToTheTemplate) {
    const Import import = import_systemd(
        {unit_file("a@.service", "[Service]\nExecStart=-/bin/a -i\nStandardInput=socket\n"),
         unit_file("a.socket", "[Socket]\nListenStream=23\nAccept=yes\n")},
        {});
    EXPECT_EQ(value(find(import, "a@"), "socket.a.per-connection"), "true");
}

TEST(Sockets, WithoutTheirUnitAreSkippedWithAWord) {
    const Import import = import_of("[Socket]\nListenStream=80\n", "a.socket");
    EXPECT_TRUE(import.units.empty());
    ASSERT_EQ(import.skipped.size(), 1U);
    EXPECT_NE(import.skipped[0].reason.find("'a'"), std::string::npos);
}

TEST(Timers, AreTheirUnitsTable) {
    const Import import = import_systemd(
        {unit_file("a.service", "[Service]\nType=oneshot\nExecStart=/bin/a\n"),
         unit_file("t.timer", "[Timer]\nOnCalendar=Mon..Fri 03:30\nPersistent=true\n"
                              "RandomizedDelaySec=10min\nUnit=a.service\nOnBootSec=5min\n"
                              "[Install]\nWantedBy=timers.target\n")},
        {});
    const ImportedUnit& unit = find(import, "a");
    EXPECT_EQ(value(unit, "timer.calendar"), R"("Mon..Fri 03:30")");
    EXPECT_EQ(value(unit, "timer.jitter"), R"("10m")");
    EXPECT_EQ(value(unit, "timer.on-boot"), R"("5m")");
    EXPECT_EQ(value(unit, "timer.persistent"), "true");
    EXPECT_EQ(value(unit, "enabled"), "");
}

TEST(Conditions, KeepTheirNegation) {
    const ImportedUnit unit = unit_of("[Unit]\nConditionPathExists=!/etc/no\n"
                                      "ConditionPathExists=|/etc/yes\nConditionACPower=true\n"
                                      "AssertPathExists=/a\n[Service]\nExecStart=/bin/a\n");
    EXPECT_EQ(value(unit, "conditions.path-exists"), R"(["!/etc/no", "/etc/yes", "/a"])");
    EXPECT_EQ(mapping(unit, "ConditionACPower"), Mapping::NotMapped);
    EXPECT_EQ(mapping(unit, "AssertPathExists"), Mapping::Approximated);
}

TEST(Conditions, KnowContainersAndMachines) {
    const auto condition = [](const std::string& text) {
        return unit_of("[Unit]\nConditionVirtualization=" + text +
                       "\n[Service]\nExecStart=/bin/a\n");
    };
    const auto is = [](const ImportedUnit& unit, const char* list, Mapping kind) {
        EXPECT_EQ(value(unit, "conditions.virtualization"), list);
        EXPECT_EQ(mapping(unit, "ConditionVirtualization"), kind);
        EXPECT_EQ(mistakes(unit), "");
    };
    is(condition("!container"), R"(["!container"])", Mapping::Exact);
    is(condition("container"), R"(["container"])", Mapping::Exact);
    is(condition("!vm"), R"(["!machine"])", Mapping::Approximated);
    is(condition("no"), R"(["machine"])", Mapping::Approximated);
    is(condition("!true"), R"(["!container"])", Mapping::Approximated);
    is(condition("!docker"), "", Mapping::NotMapped);
    is(condition("!container\nConditionVirtualization=!vm"), R"(["!container", "!machine"])",
       Mapping::Exact);
}

TEST(Conditions, NameThePathsOfAnInstanceOrNone) {
    const std::string text = "[Unit]\nDescription=%I\nAssertPathExists=/etc/db/%I/conf\n"
                             "ConditionPathExists=/srv/%i\n[Service]\nExecStart=/bin/a %f\n";
    const ImportedUnit open = unit_of(text, "db@.service");
    EXPECT_EQ(value(open, "conditions.path-exists"), R"(["/srv/%i"])");
    EXPECT_EQ(mapping(open, "AssertPathExists"), Mapping::NotMapped);
    const Import import =
        import_systemd({{"db@.service", {{"/units/db@.service", text}}, {"15-main"}, {}}}, {});
    const ImportedUnit& known = find(import, "db@");
    EXPECT_EQ(value(known, "conditions.path-exists"), R"(["/srv/%i", "/etc/db/15/main/conf"])");
    EXPECT_EQ(value(known, "description"), R"("15/main")");
    EXPECT_EQ(value(known, "command"), R"(["/bin/a", "/15/main"])");
    EXPECT_NE(note(known, "Description").find("15-main"), std::string::npos);
    EXPECT_EQ(mistakes(known), "");
}

TEST(OtherKinds, AreSkippedWithTheReason) {
    for (const char* name : {"a.path", "a.mount", "a.slice", "a.scope"}) {
        const Import import = import_of("[Unit]\nDescription=x\n", name);
        EXPECT_TRUE(import.units.empty()) << name;
        ASSERT_EQ(import.skipped.size(), 1U) << name;
        EXPECT_TRUE(import.skipped[0].harmless) << name;
    }
    EXPECT_NE(import_of("", "a.service").skipped.at(0).reason.find("masked"), std::string::npos);
}

TEST(Names, ThatNoUnitCanHaveAreSkipped) {
    const Import import = import_of("[Service]\nExecStart=/bin/a\n", "dev-a\\x2db.service");
    EXPECT_TRUE(import.units.empty());
    ASSERT_EQ(import.skipped.size(), 1U);
    EXPECT_FALSE(import.skipped[0].harmless);
}

TEST(UnsupportedKeys, AreLeftOutWhereThatIsWanted) {
    Options options;
    options.only_supported = true;
    const Import import = import_systemd(
        {unit_file("a.service",
                   "[Unit]\nPartOf=b.service\n[Service]\nExecStart=/bin/a\nType=forking\n"
                   "PrivateTmp=yes\nOOMPolicy=kill\n")},
        options);
    ASSERT_EQ(import.units.size(), 1U);
    unitfile::Diagnostics diagnostics;
    EXPECT_TRUE(unitfile::read_unit(import.units[0].text, "a.toml", "a", diagnostics))
        << unitfile::render(diagnostics);
    EXPECT_TRUE(import.units[0].not_yet.empty());
}

} // namespace

} // namespace stead::importing::test
