#include <cstring>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "init/runtime_bytes.h"

namespace stead::runtime {
namespace {

int sign(int value) {
    return (value > 0) - (value < 0);
}

TEST(RuntimeBytes, MovesOverlappingBytesAsTheLibraryDoes) {
    std::string text = "abcdefghijklmnopqrstuvwxyz";
    for (std::size_t to = 0; to < 12; ++to) {
        for (std::size_t from = 0; from < 12; ++from) {
            for (std::size_t size = 0; size < 14; ++size) {
                std::string ours = text;
                std::string theirs = text;
                move(ours.data() + to, ours.data() + from, size);
                std::memmove(theirs.data() + to, theirs.data() + from, size);
                ASSERT_EQ(ours, theirs) << to << ' ' << from << ' ' << size;
            }
        }
    }
}

TEST(RuntimeBytes, FillsExactlyWhatItWasAskedTo) {
    std::string text = "12345678";
    fill(text.data() + 2, 'x', 3);
    EXPECT_EQ(text, "12xxx678");
    fill(text.data(), 'y', 0);
    EXPECT_EQ(text, "12xxx678");
}

TEST(RuntimeBytes, ComparesAndFindsAsTheLibraryDoes) {
    std::mt19937 random(7);
    for (int round = 0; round < 5000; ++round) {
        char a[9] = {};
        char b[9] = {};
        for (int i = 0; i < 8; ++i) {
            a[i] = static_cast<char>("\0ab\xff"[random() % 4]);
            b[i] = random() % 4 == 0 ? static_cast<char>("\0ab\xff"[random() % 4]) : a[i];
        }
        const std::size_t size = random() % 9;
        ASSERT_EQ(sign(compare(a, b, size)), sign(std::memcmp(a, b, size)));
        ASSERT_EQ(sign(compare_text(a, b, size)), sign(std::strncmp(a, b, size)));
        const void* found = std::memchr(a, 'b', size);
        const std::size_t at = find(a, 'b', size);
        ASSERT_EQ(found == nullptr ? size
                                   : static_cast<std::size_t>(static_cast<const char*>(found) - a),
                  at);
    }
}

} // namespace
} // namespace stead::runtime
