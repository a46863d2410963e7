#include <cerrno>

#include <gtest/gtest.h>

#include "cli/graph_dot.h"
#include "cli/top_model.h"
#include "cli/why_text.h"
#include "cli/words.h"

namespace stead::cli {
namespace {

using namespace literals;

UnitRecord
unit(const std::string& name, UnitState state, ReasonKind kind, const std::string& other = {}) {
    UnitRecord record;
    record.name = name;
    record.state = state;
    record.reason.kind = kind;
    record.reason_unit = other;
    record.since = {1'000'000'000};
    record.now = {4'000'000'000};
    record.source = "/etc/stead/units/" + name + ".toml";
    return record;
}

/// web needs app, which needs db, which cannot be run.
GuestAnswer broken_guest() {
    GuestAnswer answer;
    answer.target = {.guest = "shop", .unit = "web"};
    answer.name = "shop";
    answer.unit = 0;
    answer.units.push_back(unit("web", UnitState::Failed, ReasonKind::Dependency, "app"));
    answer.units.push_back(unit("app", UnitState::Failed, ReasonKind::Dependency, "db"));
    answer.units.push_back(unit("db", UnitState::Failed, ReasonKind::SpawnFailed));
    answer.units[2].reason.stage = SpawnStage::Exec;
    answer.units[2].reason.role = static_cast<std::uint8_t>(CommandRole::Main);
    answer.units[2].reason.error = ENOENT;
    answer.units.push_back(unit("cron", UnitState::Up, ReasonKind::Boot));
    answer.units.push_back(unit("tool", UnitState::Down, ReasonKind::NotEnabled));
    return answer;
}

TEST(Why, GoesDownToTheCause) {
    const GuestAnswer answer = broken_guest();
    const auto chain = cause_chain(answer.units, 0);
    EXPECT_EQ(chain, (std::vector<std::size_t>{0, 1, 2}));
    EXPECT_EQ(
        why_paragraph(answer, chain),
        "shop/web failed 3.0 s ago: 'app', which it needs, is not up. And shop/app failed "
        "3.0 s ago: 'db', which it needs, is not up. The cause: shop/db failed 3.0 s ago: its "
        "program could not be started: exec: No such file or directory (ENOENT).");
    const auto advice = advice_for(answer.units[2], "shop/db");
    ASSERT_EQ(advice.size(), 2U);
    EXPECT_NE(advice[0].find("'command' in /etc/stead/units/db.toml"), std::string::npos);
    EXPECT_NE(advice[1].find("stead start shop/db"), std::string::npos);
}

TEST(Why, EndsInACircleAndAtAnUnknownUnit) {
    std::vector<UnitRecord> units{unit("a", UnitState::Waiting, ReasonKind::Dependency, "b"),
                                  unit("b", UnitState::Waiting, ReasonKind::Dependency, "a"),
                                  unit("c", UnitState::Waiting, ReasonKind::Conflict, "gone")};
    EXPECT_EQ(cause_chain(units, 0), (std::vector<std::size_t>{0, 1}));
    EXPECT_EQ(cause_chain(units, 2), std::vector<std::size_t>{2});
}

TEST(Why, GroupsWhatIsWrongByItsCause) {
    const auto found = troubles(broken_guest().units);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].cause, 2U);
    EXPECT_EQ(found[0].kept_down, (std::vector<std::size_t>{0, 1}));
}

TEST(Why, TellsOfSignalsMemoryWatchdogAndTheNextAttempt) {
    UnitRecord record = unit("db", UnitState::Backoff, ReasonKind::Exited);
    record.reason.status = ExitStatus::killed(11);
    record.restarts = 2;
    record.next_attempt = {4'300'000'000};
    EXPECT_EQ(unit_sentence(record, "db"),
              "db is in back-off for 3.0 s, next attempt in 300 ms: its main process was killed by "
              "signal 11 (SEGV). It was started again twice.");
    record.reason.kind = ReasonKind::OomKill;
    EXPECT_NE(advice_for(record, "db")[0].find("memory-max"), std::string::npos);
    record.reason.kind = ReasonKind::Watchdog;
    EXPECT_NE(advice_for(record, "db")[0].find("WATCHDOG=1"), std::string::npos);
    record.reason = {.kind = ReasonKind::Exited, .status = ExitStatus::killed(31)};
    EXPECT_NE(advice_for(record, "db")[0].find("system-calls"), std::string::npos);
}

TEST(Why, HasSomethingToDoForEveryUnitThatIsNotWell) {
    for (int kind = 0; kind <= static_cast<int>(ReasonKind::NotNeeded); ++kind) {
        for (const UnitState state : {UnitState::Failed, UnitState::Backoff}) {
            const UnitRecord record = unit("x", state, static_cast<ReasonKind>(kind));
            EXPECT_FALSE(is_well(record));
            EXPECT_FALSE(advice_for(record, "x").empty()) << kind;
        }
    }
    for (int stage = 0; stage <= static_cast<int>(SpawnStage::Exec); ++stage) {
        UnitRecord record = unit("x", UnitState::Failed, ReasonKind::SpawnFailed);
        record.reason.stage = static_cast<SpawnStage>(stage);
        record.reason.error = EPERM;
        EXPECT_FALSE(advice_for(record, "x")[0].empty()) << stage;
    }
    EXPECT_TRUE(advice_for(unit("x", UnitState::Up, ReasonKind::Boot), "x").empty());
}

UnitPicture picture_of(const std::string& title, const std::vector<std::string>& names) {
    UnitPicture picture;
    picture.title = title;
    for (const std::string& name : names) {
        UnitPicture::Node node;
        node.name = name;
        picture.nodes.push_back(node);
    }
    return picture;
}

TEST(Dot, QuotesWhateverNamesAreMadeOf) {
    UnitPicture picture = picture_of("Units of \"x\"\\", {"a\"];evil[label=\"\\N&lt;\n\x1b", "->"});
    picture.nodes[1].state = UnitState::Failed;
    picture.nodes[1].why = "\"why\"";
    const std::string dot = to_dot(picture);
    EXPECT_NE(dot.find(R"(u0 [label="a\"];evil[label=\"\\N&amp;lt;\\x0a\\x1b")"), std::string::npos)
        << dot;
    EXPECT_NE(dot.find(R"(label="Units of \"x\"\\";)"), std::string::npos) << dot;
    EXPECT_NE(dot.find(R"(u1 [label="->\nfailed", tooltip="\"why\"")"), std::string::npos) << dot;
}

TEST(Dot, DrawsEachKindOnceAndOrderOnlyWhereItIsNotImplied) {
    UnitPicture picture = picture_of("t", {"a", "b", "c"});
    picture.nodes[0].needs = {{.target = 1, .kind = DependencyKind::Requires},
                              {.target = 1, .kind = DependencyKind::After},
                              {.target = 2, .kind = DependencyKind::Conflicts},
                              {.target = 9, .kind = DependencyKind::Wants}};
    const std::string dot = to_dot(picture);
    EXPECT_NE(dot.find("u0 -> u1 ["), std::string::npos);
    EXPECT_EQ(dot.find("dotted"), std::string::npos) << "requires orders already";
    EXPECT_NE(dot.find("u0 -> u2 ["), std::string::npos);
    EXPECT_EQ(dot.find("u9"), std::string::npos) << "no such unit";
    EXPECT_EQ(dot.find("label=\"wants\""), std::string::npos) << "the legend has what is drawn";
    EXPECT_NE(dot.find("label=\"conflicts\""), std::string::npos);
}

TopRow row(const std::string& name, const std::string& state = "up") {
    TopRow one;
    one.guest = "web";
    one.unit = name;
    one.state = state;
    return one;
}

TEST(Top, TurnsCountersIntoPercent) {
    CpuRates rates;
    TopRow one = row("a");
    one.usage.cpu_microseconds = 1'000'000;
    rates.rate(one, Instant{1'000'000'000});
    EXPECT_FALSE(one.cpu.has_value()) << "one look tells nothing";
    one.usage.cpu_microseconds = 1'500'000;
    rates.rate(one, Instant{2'000'000'000});
    EXPECT_DOUBLE_EQ(one.cpu.value_or(-1), 50.0);
    TopRow again = row("a");
    again.usage.cpu_microseconds = 10;
    rates.rate(again, Instant{3'000'000'000});
    EXPECT_FALSE(again.cpu.has_value()) << "a new life counts from zero";
}

TEST(Top, SortsUnitsBelowTheirGuests) {
    std::vector<TopRow> rows{row(""), row("b"), row("a", "failed"), row(""), row("d"), row("c")};
    rows[1].usage.memory = 5;
    sort_rows(rows, TopOrder::Name);
    EXPECT_EQ(rows[1].unit, "a");
    EXPECT_EQ(rows[4].unit, "c");
    sort_rows(rows, TopOrder::Memory);
    EXPECT_EQ(rows[1].unit, "b");
    sort_rows(rows, TopOrder::State);
    EXPECT_EQ(rows[1].unit, "a");
    EXPECT_EQ(rows[3].unit, "");
}

TEST(Top, ScrollsNoFurtherThanItMust) {
    EXPECT_EQ(scrolled(0, 3, 5, 10), 0U);
    EXPECT_EQ(scrolled(0, 12, 20, 10), 3U);
    EXPECT_EQ(scrolled(5, 7, 20, 10), 5U);
    EXPECT_EQ(scrolled(5, 2, 20, 10), 2U);
    EXPECT_EQ(scrolled(15, 19, 20, 10), 10U);
    EXPECT_EQ(scrolled(3, 0, 0, 0), 0U);
}

TEST(Top, ShowsADashForWhatIsNotKnownInAnyWidth) {
    TopRow one = row("nginx");
    one.why = "started with the guest";
    for (std::size_t width = 1; width < 200; ++width)
        EXPECT_LE(top_line(one, width).size(), width + 3) << width; // "…" is three bytes
    EXPECT_NE(top_line(one, 100).find(" - "), std::string::npos);
    one.usage.memory = 3 << 20;
    one.usage.tasks = 4;
    one.cpu = 12.34;
    const std::string line = top_line(one, 120);
    EXPECT_NE(line.find("12.3"), std::string::npos) << line;
    EXPECT_NE(line.find("3.0 MB"), std::string::npos) << line;
}

TEST(Usage, FindsNumbersInCgroupFiles) {
    EXPECT_EQ(number_after("user_usec 5\nusage_usec 77\n", "usage_usec"), 77);
    EXPECT_EQ(number_after("usage_usec2 5\n", "usage_usec"), std::nullopt);
    EXPECT_EQ(number_after("4096\n", ""), 4096);
    EXPECT_EQ(number_after("max\n", ""), std::nullopt);
    EXPECT_EQ(number_after("", "usage_usec"), std::nullopt);
}

} // namespace
} // namespace stead::cli
