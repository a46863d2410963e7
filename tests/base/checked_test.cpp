#include <cstdint>

#include <gtest/gtest.h>

#include "base/checked.h"

namespace stead {
namespace {

TEST(Checked, AddsOnlyWhatFits) {
    EXPECT_EQ(checked_add<std::uint8_t>(200, 55), std::uint8_t{255});
    EXPECT_EQ(checked_add<std::uint8_t>(200, 56), std::nullopt);
    EXPECT_EQ(checked_add<std::int64_t>(INT64_MIN, -1), std::nullopt);
    EXPECT_EQ(checked_add<std::int64_t>(INT64_MIN, INT64_MAX), -1);
}

TEST(Checked, MultipliesOnlyWhatFits) {
    EXPECT_EQ(checked_multiply<std::uint32_t>(65536, 65535), 65536U * 65535U);
    EXPECT_EQ(checked_multiply<std::uint32_t>(65536, 65536), std::nullopt);
    EXPECT_EQ(checked_multiply<std::int64_t>(INT64_MIN, -1), std::nullopt);
}

TEST(Checked, NarrowsOnlyWhatFits) {
    EXPECT_EQ((narrow<std::uint16_t>(65535)), std::uint16_t{65535});
    EXPECT_EQ((narrow<std::uint16_t>(65536)), std::nullopt);
    EXPECT_EQ((narrow<std::uint16_t>(-1)), std::nullopt);
    EXPECT_EQ((narrow<std::int32_t>(std::uint64_t{1} << 31U)), std::nullopt);
    EXPECT_EQ((narrow<std::int64_t>(std::uint64_t{1} << 63U)), std::nullopt);
    EXPECT_EQ((narrow<std::int8_t>(-128)), std::int8_t{-128});
}

} // namespace
} // namespace stead
