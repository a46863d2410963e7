#include <gtest/gtest.h>

#include "unitfile/diagnostic.h"

namespace stead::unitfile {

TEST(Render, DrawsTheLineAndTheCaret) {
    Diagnostics diagnostics;
    diagnostics.remember("web.toml", "a = 1\nrestart = \"sometimes\"\n");
    diagnostics.error({"web.toml", 2, 11}, "restart is 'sometimes'; use no, on-failure or always");
    EXPECT_EQ(render(diagnostics),
              "web.toml:2:11: error: restart is 'sometimes'; use no, on-failure or always\n"
              "restart = \"sometimes\"\n"
              "          ^\n");
}

TEST(Render, AddsHintsAndNotes) {
    Diagnostics diagnostics;
    diagnostics.warning({"a.toml", 0, 0}, "odd", {{"try harder", {}}, {"here", {"b.toml", 3, 4}}});
    EXPECT_EQ(render(diagnostics),
              "a.toml: warning: odd\nhint: try harder\nb.toml:3:4: note: here\n");
    EXPECT_FALSE(diagnostics.has_errors());
    EXPECT_EQ(diagnostics.warnings(), 1U);
}

TEST(Render, LetsNoControlCharacterThrough) {
    Diagnostics diagnostics;
    diagnostics.remember("a\x1b.toml", "\t\x1b[2J\xc2\x9b"
                                       "ab\r\n");
    diagnostics.error({"a\x1b.toml", 1, 8}, "x\x7f\n\x1b]0;y\a");
    EXPECT_EQ(render(diagnostics), "a\\x1b.toml:1:8: error: x\\x7f\\x0a\\x1b]0;y\\x07\n"
                                   " \\x1b[2J\\xc2\\x9bab\n"
                                   "                 ^\n");
}

TEST(Render, ShowsThePartOfALongLineThatMatters) {
    Diagnostics diagnostics;
    diagnostics.remember("a.toml", std::string(500, 'x') + "Y" + std::string(500, 'z'));
    diagnostics.error({"a.toml", 1, 501}, "here");
    EXPECT_EQ(render(diagnostics), "a.toml:1:501: error: here\n..." + std::string(48, 'x') + "Y" +
                                       std::string(47, 'z') + "...\n" + std::string(51, ' ') +
                                       "^\n");
}

TEST(Render, ShowsNoLineThatNobodyWrites) {
    Diagnostics diagnostics;
    diagnostics.remember("a.toml", std::string(1U << 20U, 'x'));
    diagnostics.error({"a.toml", 1, 1000}, "here");
    EXPECT_EQ(render(diagnostics), "a.toml:1:1000: error: here\n");
}

TEST(Render, CountsLettersNotBytes) {
    Diagnostics diagnostics;
    diagnostics.remember("a.toml", "# \xc3\xa4\xc3\xb6 x");
    diagnostics.error({"a.toml", 1, 6}, "here");
    EXPECT_EQ(render(diagnostics), "a.toml:1:6: error: here\n# \xc3\xa4\xc3\xb6 x\n     ^\n");
}

TEST(Render, SurvivesPlacesThatAreNotThere) {
    Diagnostics diagnostics;
    diagnostics.remember("a.toml", "x");
    diagnostics.error({"a.toml", 7, 7}, "beyond the end");
    diagnostics.error({"a.toml", 1, 4'000'000'000}, "beyond the line");
    diagnostics.error({"", 0, 0}, "nowhere");
    EXPECT_EQ(render(diagnostics), "a.toml:7:7: error: beyond the end\n"
                                   "a.toml:1:4000000000: error: beyond the line\nx\n ^\n"
                                   "error: nowhere\n");
}

TEST(Diagnostics, StopShowingAfterAHundredOfAFile) {
    Diagnostics diagnostics;
    for (std::uint32_t line = 1; line <= 250; ++line)
        diagnostics.error({"a.toml", line, 1}, "wrong");
    diagnostics.error({"b.toml", 1, 1}, "wrong too");
    EXPECT_EQ(diagnostics.errors(), 251U);
    ASSERT_EQ(diagnostics.all().size(), Diagnostics::kMaxPerFile + 2);
    EXPECT_EQ(diagnostics.all()[100].message, "more than 100 mistakes; the rest is not shown");
    EXPECT_EQ(diagnostics.all()[101].message, "wrong too");
}

TEST(Diagnostics, SortByPlaceWithTheWholeFileLast) {
    Diagnostics diagnostics;
    diagnostics.error({"z.toml", 1, 1}, "0");
    diagnostics.error({"a.toml", 0, 0}, "4");
    diagnostics.error({"a.toml", 2, 5}, "2");
    diagnostics.error({"a.toml", 2, 5}, "3");
    diagnostics.error({"a.toml", 1, 9}, "1");
    diagnostics.sort(1);
    std::string order;
    for (const Diagnostic& diagnostic : diagnostics.all())
        order += diagnostic.message;
    EXPECT_EQ(order, "01234");
}

} // namespace stead::unitfile
