#include <cstdint>

#include <gtest/gtest.h>

#include "base/time.h"

namespace stead {
namespace {

constexpr Duration kLowest{INT64_MIN};

TEST(Duration, HasLiteralsThatSayTheirUnit) {
    EXPECT_EQ((1_s).ns, 1'000'000'000);
    EXPECT_EQ(1500_ms, 1_s + 500_ms);
    EXPECT_EQ(2_min, 120_s);
    EXPECT_EQ((1999_us).ms(), 1);
}

TEST(Duration, SaturatesInsteadOfOverflowing) {
    const Duration nearly{INT64_MAX - 1};
    EXPECT_TRUE((nearly + 1_s).is_infinite());
    EXPECT_EQ((kLowest - 1_s), kLowest);
    EXPECT_TRUE((1_s - kLowest).is_infinite());
    EXPECT_TRUE((nearly * 2).is_infinite());
    EXPECT_EQ(nearly * -2, kLowest);
    EXPECT_TRUE((kLowest * -1).is_infinite());
    EXPECT_EQ(kLowest * 2, kLowest);
}

TEST(Duration, StaysInfiniteWhateverIsDoneToIt) {
    const Duration infinite = Duration::infinity();
    EXPECT_TRUE((infinite + 1_s).is_infinite());
    EXPECT_TRUE((infinite + kLowest).is_infinite());
    EXPECT_TRUE((infinite - 1_s).is_infinite());
    EXPECT_TRUE((infinite - infinite).is_infinite());
    EXPECT_TRUE((infinite * 0).is_infinite());
    EXPECT_TRUE((1_s + infinite).is_infinite());
    EXPECT_GT(infinite, 1_min * 1'000'000);
}

TEST(Instant, MovesByDurations) {
    const Instant at{5'000'000'000};
    EXPECT_EQ((at + 2_s).ns, 7'000'000'000);
    EXPECT_EQ(at + 2_s - at, 2_s);
    EXPECT_LT(at - (at + 2_s), Duration{});
}

TEST(Instant, StaysNever) {
    EXPECT_TRUE((Instant{5} + Duration::infinity()).is_never());
    EXPECT_TRUE((Instant::never() + Duration{-1}).is_never());
    EXPECT_TRUE((Instant{INT64_MAX - 1} + 1_s).is_never());
    EXPECT_TRUE((Instant::never() - Instant{5}).is_infinite());
    EXPECT_LT(Instant{INT64_MIN} - Instant{1}, Duration{});
}

} // namespace
} // namespace stead
