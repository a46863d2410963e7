#include <vector>

#include <gtest/gtest.h>

#include "init/digits.h"

namespace stead::init {
namespace {

std::vector<std::int64_t> numbers_in(std::string_view text) {
    DigitReader reader;
    std::vector<std::int64_t> found;
    for (const char c : text) {
        if (const auto number = reader.feed(c)) found.push_back(*number);
    }
    return found;
}

TEST(Digits, FindsEachNumberOfALine) {
    EXPECT_EQ(numbers_in("1\n22\n333\n"), (std::vector<std::int64_t>{1, 22, 333}));
}

TEST(Digits, KeepsANumberThatHasNotEndedBack) {
    EXPECT_EQ(numbers_in("12\n34"), (std::vector<std::int64_t>{12}));
}

TEST(Digits, TakesNoNumberThatWouldNotFit) {
    EXPECT_EQ(numbers_in("99999999999999999999999999\n5\n"), (std::vector<std::int64_t>{5}));
    EXPECT_FALSE(whole_number("9999999999999999999").has_value());
}

TEST(Digits, WholeNumberTakesNothingElseAlong) {
    EXPECT_EQ(whole_number("42"), 42);
    EXPECT_FALSE(whole_number("").has_value());
    EXPECT_FALSE(whole_number("4 2").has_value());
    EXPECT_FALSE(whole_number("-1").has_value());
}

} // namespace
} // namespace stead::init
