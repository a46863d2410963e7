#include <gtest/gtest.h>

#include "unitfile/nesting.h"

namespace stead::unitfile {

namespace {

std::string repeated(std::string_view part, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i)
        out += part;
    return out;
}

bool is_deep(const std::string& text) {
    return find_deep_nesting(text, 4).has_value();
}

} // namespace

TEST(Nesting, CountsBracketsAndDots) {
    EXPECT_FALSE(is_deep("a = [[[[1]]]]"));
    EXPECT_TRUE(is_deep("a = [[[[[1]]]]]"));
    EXPECT_FALSE(is_deep("a.b.c.d = 1"));
    EXPECT_TRUE(is_deep("a.b.c.d.e = 1"));
    EXPECT_TRUE(is_deep("[a.b.c.d.e]"));
    EXPECT_TRUE(is_deep("a = { b . c . d . e . f = 1 }"));
    EXPECT_TRUE(is_deep("a = {b = {c = {d = {e = {f = 1}}}}}"));
}

TEST(Nesting, StartsAgainWithEachKeyAndValue) {
    EXPECT_FALSE(is_deep(repeated("a.b.c = 1.5\n", 10)));
    EXPECT_FALSE(is_deep("a = [1.5, 2.5, 3.5, 4.5, 5.5]"));
    EXPECT_FALSE(is_deep(repeated("[[a]]\n", 10)));
}

TEST(Nesting, DoesNotLookIntoStringsAndComments) {
    EXPECT_FALSE(is_deep("a = \"......[[[[[[[\""));
    EXPECT_FALSE(is_deep("a = '......[[[[[[['"));
    EXPECT_FALSE(is_deep("# ......[[[[[[["));
    EXPECT_FALSE(is_deep("a = \"\"\"......\n\"\"[[[[[[\"\"\""));
    EXPECT_FALSE(is_deep("a = '''......\n''[[[[[['''"));
    EXPECT_FALSE(is_deep("a = \"\\\"......\""));
    EXPECT_FALSE(is_deep("a = \"\"\"\\\"\"\"......\"\"\""));
    EXPECT_FALSE(is_deep("a = 'it\\'\nb = '......'"));
}

TEST(Nesting, FindsWhatFollowsAString) {
    EXPECT_TRUE(is_deep("a = \"\"\na.b.c.d.e = 1"));
    EXPECT_TRUE(is_deep("a = ''\na.b.c.d.e = 1"));
    EXPECT_TRUE(is_deep("a = \"\"\"x\"\"\"\"\"\na.b.c.d.e = 1"));
    EXPECT_TRUE(is_deep("\"a\".'b'.c.d.e = 1"));
    EXPECT_TRUE(is_deep("a = 'x' # '\na.b.c.d.e = 1"));
}

TEST(Nesting, TellsThePlace) {
    const auto at = find_deep_nesting("x = 1\na.b.c.d.e = 1", 4);
    ASSERT_TRUE(at.has_value());
    EXPECT_EQ(at->line, 2U);
    EXPECT_EQ(at->column, 8U);
}

} // namespace stead::unitfile
