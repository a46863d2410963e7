#include <gtest/gtest.h>

#include "base/printable.h"

namespace stead {
namespace {

TEST(Printable, TakesWholeCharacters) {
    EXPECT_EQ(printable_length("a"), 1U);
    EXPECT_EQ(printable_length("\t"), 1U);
    EXPECT_EQ(printable_length("\u00fc"), 2U);
    EXPECT_EQ(printable_length("\u20ac and more"), 3U);
    EXPECT_EQ(printable_length("\U0001f600"), 4U);
}

TEST(Printable, RefusesWhatATerminalWouldObey) {
    EXPECT_EQ(printable_length("\x1b[2J"), 0U);
    EXPECT_EQ(printable_length("\n"), 0U);
    EXPECT_EQ(printable_length("\x7f"), 0U);
    EXPECT_EQ(printable_length(std::string_view("\0", 1)), 0U);
    EXPECT_EQ(printable_length("\xc2\x9b"), 0U) << "CSI as one C1 control character";
    EXPECT_EQ(printable_length("\u202e"), 0U) << "right-to-left override";
    EXPECT_EQ(printable_length("\u2066"), 0U) << "isolate";
}

TEST(Printable, RefusesBrokenUtf8) {
    EXPECT_EQ(printable_length("\x80"), 0U);
    EXPECT_EQ(printable_length("\xc3"), 0U) << "cut off";
    EXPECT_EQ(printable_length("\xe2\x82"), 0U) << "cut off";
    EXPECT_EQ(printable_length("\xc0\xaf"), 0U) << "overlong slash";
    EXPECT_EQ(printable_length("\xe0\x80\xaf"), 0U) << "overlong slash";
    EXPECT_EQ(printable_length("\xed\xa0\x80"), 0U) << "surrogate";
    EXPECT_EQ(printable_length("\xf4\x90\x80\x80"), 0U) << "beyond Unicode";
    EXPECT_EQ(printable_length("\xff"), 0U);
}

} // namespace
} // namespace stead
