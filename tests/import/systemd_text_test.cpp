#include <gtest/gtest.h>

#include "import/systemd_text.h"

namespace stead::importing {

namespace {

using Strings = std::vector<std::string>;

std::vector<Assignment> lines_of(const std::string& text) {
    return parse_systemd({{"web.service", text}});
}

TEST(SystemdLines, JoinsContinuationLinesAndStepsOverCommentsBetweenThem) {
    const auto lines = lines_of("[Service]\nExecStart=/bin/a \\\n# why\n   -b \\\n   -c\nUser=x\n");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].value, "/bin/a  -b  -c");
    EXPECT_EQ(lines[0].origin.line, 2U);
    EXPECT_EQ(lines[1].name, "User");
    EXPECT_EQ(lines[1].origin.line, 6U);
}

TEST(SystemdLines, TakesTwoBackslashesAtTheEndForText) {
    const auto lines = lines_of("[Service]\nExecStart=/bin/a \\\\\nUser=x\n");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].value, "/bin/a \\\\");
}

TEST(SystemdLines, TellsWhatIsNoAssignment) {
    const auto lines = lines_of("User=x\n[Service]\nnonsense\n=1\n");
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0].problem, "it stands above the first [Section]");
    EXPECT_EQ(lines[1].problem, "the line has no '='");
    EXPECT_EQ(lines[2].problem, "there is no name before the '='");
}

TEST(SystemdLines, LeavesOthersOwnSectionsAndKeysAlone) {
    EXPECT_TRUE(lines_of("[X-Mine]\na=b\n[Service]\nX-Also=c\n; comment\n").empty());
}

TEST(SystemdLines, EndsAtALimitWithAWord) {
    std::string text = "[Service]\n";
    for (std::size_t i = 0; i < kMaxDirectives + 100; ++i)
        text += "Environment=A=b\n";
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), kMaxDirectives + 1);
    EXPECT_NE(lines.back().problem.find("more than 4096"), std::string::npos);
}

TEST(SystemdWords, TakesQuotesOffAndKeepsWhatIsBetween) {
    EXPECT_EQ(split_words("a \"b c\" 'd \"e\"' f''g").words,
              (Strings{"a", "b c", "d \"e\"", "fg"}));
    EXPECT_EQ(split_words("\"\" ''").words, (Strings{"", ""}));
}

TEST(SystemdWords, ResolvesEscapesOfC) {
    EXPECT_EQ(split_words(R"(a\x20b "\t" \101 \u00e9 c\sd)").words,
              (Strings{"a b", "\t", "A", "\xc3\xa9", "c d"}));
}

TEST(SystemdWords, KeepsTheBackslashOfWhatIsNoEscape) {
    EXPECT_EQ(split_words(R"(\d \x1 \;)").words, (Strings{"\\d", "\\x1", "\\;"}));
}

TEST(SystemdWords, RefusesNulBytesOpenQuotesAndWhatIsNoText) {
    EXPECT_NE(split_words("a\\x00b").problem, "");
    EXPECT_NE(split_words("a \"b").problem, "");
    EXPECT_NE(split_words("\\xff\\xfe").problem, "");
    EXPECT_NE(split_words("\\ud800").problem, "");
    EXPECT_NE(split_words("a\\").problem, "");
}

TEST(ShellWords, AreQuotedWhereTheyNeedToBe) {
    EXPECT_EQ(shell_quoted("/usr/bin/a-b=c"), "/usr/bin/a-b=c");
    EXPECT_EQ(shell_quoted("a b"), "'a b'");
    EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
    EXPECT_EQ(shell_quoted(""), "''");
}

} // namespace

} // namespace stead::importing
