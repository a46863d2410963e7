#include <gtest/gtest.h>

#include "guests/guests.h"
#include "model/names.h"

namespace stead::guests {
namespace {

TEST(GuestName, IsAFileNameAHostNameAndACgroup) {
    EXPECT_TRUE(valid_name("web"));
    EXPECT_TRUE(valid_name("web-2.example_x"));
    EXPECT_TRUE(valid_name(std::string(kMaxGuestName, 'a')));
}

TEST(GuestName, RefusesWhateverCouldLeaveItsFolder) {
    EXPECT_FALSE(valid_name(""));
    EXPECT_FALSE(valid_name("."));
    EXPECT_FALSE(valid_name(".."));
    EXPECT_FALSE(valid_name("a/b"));
    EXPECT_FALSE(valid_name("/web"));
    EXPECT_FALSE(valid_name("-web"));
    EXPECT_FALSE(valid_name("a b"));
    EXPECT_FALSE(valid_name("a\nb"));
    EXPECT_FALSE(valid_name("w\xc3\xa4sche"));
    EXPECT_FALSE(valid_name(std::string_view("a\0b", 3)));
    EXPECT_FALSE(valid_name(std::string(kMaxGuestName + 1, 'a')));
}

} // namespace
} // namespace stead::guests
