#include <gtest/gtest.h>

#include "base/words.h"

namespace stead {
namespace {

constexpr const char* kWords = "one\0three\0three and a half\0";

TEST(Words, AreFoundByTheirWholeLength) {
    EXPECT_EQ(find_word(kWords, "one"), 0);
    EXPECT_EQ(find_word(kWords, "three"), 1);
    EXPECT_EQ(find_word(kWords, "three and a half"), 2);
    for (const char* other : {"", "on", "ones", "three and", "One"})
        EXPECT_EQ(find_word(kWords, other), -1) << other;
    EXPECT_EQ(find_word(kWords, std::string_view("one\0three", 9)), -1);
}

TEST(Words, EndWithTheLast) {
    EXPECT_EQ(word_at(kWords, 0), "one");
    EXPECT_EQ(word_at(kWords, 2), "three and a half");
    EXPECT_EQ(word_at(kWords, 3), "");
    EXPECT_EQ(word_at(kWords, 4000), "");
    EXPECT_EQ(find_word("", ""), -1);
    EXPECT_EQ(word_at("", 0), "");
}

} // namespace
} // namespace stead
