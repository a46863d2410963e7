#include <memory>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "base/result.h"

namespace stead {
namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return make_error("halve", "an odd number", EDOM);
    return number / 2;
}

Result<int> quarter(int number) {
    const int once = TRY(half(number));
    return TRY(half(once));
}

Result<void> need_even(int number) {
    TRY(half(number));
    return {};
}

Result<std::unique_ptr<int>> boxed(int number) {
    return std::make_unique<int>(TRY(half(number)));
}

TEST(Result, HoldsAValueOrAnError) {
    const Result<int> good = half(8);
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, 4);
    const Result<int> bad = half(7);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, EDOM);
}

TEST(Result, WithoutAValueIsGoodUntilItHasAnError) {
    EXPECT_TRUE(Result<void>());
    EXPECT_TRUE(need_even(2));
    EXPECT_EQ(need_even(1).error().code, EDOM);
}

TEST(Result, OfASmallPlainValueFitsTwoRegisters) {
    EXPECT_EQ(sizeof(Result<void>), 16U);
    EXPECT_EQ(sizeof(Result<int>), 16U);
    EXPECT_EQ(sizeof(Result<void*>), 16U);
    EXPECT_TRUE(std::is_trivially_copyable_v<Result<std::size_t>>);
}

TEST(Result, KeepsTheWholeErrorInPlaceOfASmallValue) {
    const Error error = half(7).error();
    EXPECT_EQ(describe(error).view(), "halve an odd number: Numerical argument out of domain");
}

TEST(Try, UnwrapsOrReturnsTheFirstError) {
    EXPECT_EQ(*quarter(8), 2);
    EXPECT_EQ(describe(quarter(6).error()).view(),
              "halve an odd number: Numerical argument out of domain");
}

TEST(Try, MovesAValueThatCannotBeCopied) {
    auto result = boxed(10);
    ASSERT_TRUE(result);
    const std::unique_ptr<int> out = *std::move(result);
    EXPECT_EQ(*out, 5);
    EXPECT_FALSE(boxed(9));
}

TEST(Try, EvaluatesItsExpressionOnce) {
    int calls = 0;
    const auto count = [&calls]() -> Result<int> { return ++calls; };
    const auto run = [&]() -> Result<int> { return TRY(count()); };
    EXPECT_EQ(*run(), 1);
    EXPECT_EQ(calls, 1);
}

} // namespace
} // namespace stead
