#include <climits>

#include <gtest/gtest.h>

#include "base/fixed_string.h"

namespace stead {
namespace {

TEST(FixedString, HoldsWhatFitsExactly) {
    const FixedString<4> text("four");
    EXPECT_EQ(text.view(), "four");
    EXPECT_FALSE(text.truncated());
    EXPECT_STREQ(text.c_str(), "four");
}

TEST(FixedString, CutsWhatDoesNotFitAndSaysSo) {
    FixedString<4> text("fo");
    text.append("urteen");
    EXPECT_EQ(text.view(), "four");
    EXPECT_TRUE(text.truncated());
    text.append("");
    EXPECT_TRUE(text.truncated());
}

TEST(FixedString, IsUsableAgainAfterClear) {
    FixedString<2> text("abc");
    text.clear();
    EXPECT_TRUE(text.empty());
    EXPECT_FALSE(text.truncated());
    EXPECT_STREQ(text.c_str(), "");
    EXPECT_EQ(text.append("x").view(), "x");
}

TEST(FixedString, WritesEveryNumber) {
    EXPECT_EQ(FixedString<32>().append_number(0).view(), "0");
    EXPECT_EQ(FixedString<32>().append_number(-1).view(), "-1");
    EXPECT_EQ(FixedString<32>().append_number(LLONG_MAX).view(), "9223372036854775807");
    EXPECT_EQ(FixedString<32>().append_number(LLONG_MIN).view(), "-9223372036854775808");
    EXPECT_TRUE(FixedString<3>().append_number(1234).truncated());
}

TEST(FixedString, ComparesByContent) {
    FixedString<8> shorter("abc");
    FixedString<8> longer("abcdef");
    EXPECT_FALSE(shorter == longer);
    longer.clear();
    longer.append("abc");
    EXPECT_TRUE(shorter == longer);
}

} // namespace
} // namespace stead
