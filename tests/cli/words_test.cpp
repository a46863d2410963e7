#include <gtest/gtest.h>

#include "cli/console.h"
#include "cli/log_line.h"
#include "cli/options.h"
#include "cli/words.h"

namespace stead::cli {
namespace {

using namespace literals;

TEST(Words, SayADurationAsAPersonWould) {
    EXPECT_EQ(duration_words(0_ms), "0 ms");
    EXPECT_EQ(duration_words(999_ms), "999 ms");
    EXPECT_EQ(duration_words(3400_ms), "3.4 s");
    EXPECT_EQ(duration_words(59_s), "59 s");
    EXPECT_EQ(duration_words(307_s), "5 min 7 s");
    EXPECT_EQ(duration_words(7500_s), "2 h 5 min");
    EXPECT_EQ(duration_words(86'400_s * 3), "3 d");
    EXPECT_EQ(duration_words(Duration{-5}), "0 ms");
}

TEST(Words, NameStageAndErrorOfAProgramThatCouldNotStart) {
    UnitRecord unit;
    unit.state = UnitState::Failed;
    unit.reason = {.kind = ReasonKind::SpawnFailed,
                   .stage = SpawnStage::Exec,
                   .role = static_cast<std::uint8_t>(CommandRole::Main),
                   .error = ENOENT};
    EXPECT_EQ(reason_sentence(unit),
              "its program could not be started: exec: No such file or directory (ENOENT)");
    unit.reason.role = static_cast<std::uint8_t>(CommandRole::PreStart);
    unit.reason.stage = SpawnStage::User;
    unit.reason.error = EPERM;
    EXPECT_EQ(reason_sentence(unit),
              "pre-start could not be started: user: Operation not permitted (EPERM)");
}

TEST(Words, NameTheSignalThatKilled) {
    UnitRecord unit;
    unit.state = UnitState::Backoff;
    unit.reason = {.kind = ReasonKind::Exited, .status = ExitStatus::killed(9)};
    EXPECT_EQ(reason_sentence(unit), "its main process was killed by signal 9 (KILL)");
    unit.since = {1'000'000'000};
    unit.now = {1'120'000'000};
    unit.next_attempt = {1'500'000'000};
    EXPECT_EQ(state_sentence(unit), "backoff for 120 ms, next attempt in 380 ms");
}

TEST(Words, HaveOneForEveryReasonStateAndStage) {
    for (int kind = 1; kind <= static_cast<int>(ReasonKind::NotNeeded); ++kind) {
        UnitRecord unit;
        unit.reason.kind = static_cast<ReasonKind>(kind);
        EXPECT_FALSE(reason_sentence(unit).empty()) << kind;
        EXPECT_FALSE(reason_name(unit.reason.kind).empty()) << kind;
    }
    for (int state = 0; state <= static_cast<int>(UnitState::Done); ++state)
        EXPECT_FALSE(state_name(static_cast<UnitState>(state)).empty());
    EXPECT_EQ(stage_name(SpawnStage::Exec), "exec");
    EXPECT_EQ(stage_name(SpawnStage::WorkingDirectory), "working-directory");
    EXPECT_EQ(reason_name(ReasonKind::NotNeeded), "not-needed");
}

TEST(Safe, LetsNoTerminalEscapeThrough) {
    EXPECT_EQ(safe("a\x1b[31mb"), "a\\x1b[31mb");
    EXPECT_EQ(safe("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(safe("\xff\x80"), "\\xff\\x80");
}

TEST(Tables, AlignByCharactersAndEndWithoutBlanks) {
    Table table({"NAME", "STATE", "WHY"});
    table.row({"caf\xc3\xa9", "up", ""});
    table.row({"a", "", "because"});
    EXPECT_EQ(table.render(), "NAME  STATE  WHY\n"
                              "caf\xc3\xa9  up\n"
                              "a            because\n");
}

TEST(Nearest, FindsTheOneThatWasMeantAndNothingFarOff) {
    const std::vector<std::string> known{"nginx", "postgresql", "redis", "cron"};
    EXPECT_EQ(nearest("ngnix", known), std::vector<std::string>{"nginx"});
    EXPECT_EQ(nearest("post", known), std::vector<std::string>{"postgresql"});
    EXPECT_TRUE(nearest("zzzzzz", known).empty());
}

TEST(Durations, AreReadWithUnitsOrAsSeconds) {
    EXPECT_EQ(parse_duration("1m30s"), 90'000'000'000);
    EXPECT_EQ(parse_duration("500ms"), 500'000'000);
    EXPECT_EQ(parse_duration("30"), 30'000'000'000);
    EXPECT_EQ(parse_duration("infinity"), std::numeric_limits<std::int64_t>::max());
    for (const char* bad : {"", "m", "-1s", "1h30", "5 s", "1y", "99999999999d", "0x1s"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Since, IsALengthOfTimeADateOrATimeOfDay) {
    const std::int64_t now = *log_nanoseconds("2026-11-21T12:00:00.000000Z");
    EXPECT_EQ(parse_since("10m", now), "2026-11-21T11:50:00.000000Z");
    EXPECT_EQ(parse_since("08:30", now), "2026-11-21T08:30:00.000000Z");
    EXPECT_EQ(parse_since("2026-01-31", now), "2026-01-31T00:00:00.000000Z");
    EXPECT_EQ(parse_since("2026-01-31T01:02:03Z", now), "2026-01-31T01:02:03.000000Z");
    for (const char* bad : {"", "yesterday", "2026-02-30", "25:00", "2026-01-31x01:02", "12:60"})
        EXPECT_FALSE(parse_since(bad, now)) << bad;
}

} // namespace
} // namespace stead::cli
