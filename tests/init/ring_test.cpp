#include <string>

#include <gtest/gtest.h>

#include "init/ring.h"

namespace stead::init {
namespace {

void add(Ring& ring, UnitId unit, const std::string& text) {
    ring_append(ring, unit, false, std::as_bytes(std::span(text)));
}

std::string take(Ring& ring) {
    const auto record = ring_front(ring);
    if (!record) return {};
    std::string text(reinterpret_cast<const char*>(record->bytes.data()), record->bytes.size());
    ring_pop(ring);
    return text;
}

TEST(LogRing, GivesBackWhatItWasGivenInOrder) {
    Ring ring;
    add(ring, 1, "one\n");
    add(ring, 2, "two\n");
    ASSERT_TRUE(ring_front(ring).has_value());
    EXPECT_EQ(ring_front(ring)->unit, 1);
    EXPECT_EQ(take(ring), "one\n");
    EXPECT_EQ(ring_front(ring)->unit, 2);
    EXPECT_EQ(take(ring), "two\n");
    EXPECT_FALSE(ring_front(ring).has_value());
    ring_release(ring);
    EXPECT_FALSE(ring_front(ring).has_value());
}

TEST(LogRing, DropsTheOldestAndCountsItsBytes) {
    Ring ring;
    std::uint64_t given = 0;
    for (int i = 0; i < 5000; ++i) {
        const std::string line =
            "line " + std::to_string(i) + std::string(static_cast<std::size_t>(i) % 97, '.') + "\n";
        given += line.size();
        add(ring, 7, line);
        ASSERT_LE(ring.used, kRingSize);
    }
    std::uint64_t kept = 0;
    std::string last;
    for (std::string line = take(ring); !line.empty(); line = take(ring)) {
        kept += line.size();
        last = line;
    }
    EXPECT_GT(ring.dropped, 0U);
    EXPECT_EQ(kept + ring.dropped, given);
    EXPECT_EQ(last.substr(0, 9), "line 4999");
}

TEST(LogRing, CutsWhatIsLongerThanOneMessage) {
    Ring ring;
    const std::string much(100'000, 'x');
    add(ring, 0, much);
    std::string all;
    for (std::string part = take(ring); !part.empty(); part = take(ring)) {
        EXPECT_LE(part.size(), 16U * 1024U);
        all += part;
    }
    EXPECT_EQ(all, much);
}

} // namespace
} // namespace stead::init
