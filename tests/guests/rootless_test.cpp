#include <gtest/gtest.h>

#include "guests/rootless.h"

namespace stead::guests {
namespace {

TEST(SubordinateRange, IsTheUsersFirstThatIsLargeEnough) {
    const char* text =
        "root:100000:65536\nanna:165536:1000\nanna:200000:65536\nanna:300000:65536\n";
    EXPECT_EQ(subordinate_range(text, "anna", 1000), 200000U);
    EXPECT_EQ(subordinate_range(text, "root", 0), 100000U);
    EXPECT_EQ(subordinate_range(text, "bert", 1001), std::nullopt);
}

TEST(SubordinateRange, MayBeGivenToANumber) {
    EXPECT_EQ(subordinate_range("1000:165536:65536", "anna", 1000), 165536U);
    EXPECT_EQ(subordinate_range("1000:165536:65536", "", 1000), 165536U);
    EXPECT_EQ(subordinate_range("1000:165536:65536", "anna", 100), std::nullopt);
}

TEST(SubordinateRange, PassesOverWhatIsNone) {
    for (const char* text : {"", "\n\n", "anna", "anna:", "anna:1", "anna:x:65536", "anna:-1:65536",
                             "anna:100000:65536x", "anna:100000:99999999999", "anna:0:65536",
                             "anna:4294967000:65536", ":100000:65536", "annabel:100000:65536"})
        EXPECT_EQ(subordinate_range(text, "anna", 1000), std::nullopt) << text;
    EXPECT_EQ(subordinate_range(":100000:65536", "", 1000), std::nullopt);
}

TEST(MappedIds, AreCountedFromZero) {
    EXPECT_EQ(mapped_ids("         0       1001          1\n"), 1U);
    EXPECT_EQ(mapped_ids("0 1000 1\n1 100000 65536\n"), 65537U);
    EXPECT_EQ(mapped_ids("0 1000 1\n2 100000 65536\n"), 1U);
    EXPECT_EQ(mapped_ids("5 1000 1\n"), 0U);
}

TEST(MappedIds, OfTheMachineItselfAreAll) {
    EXPECT_EQ(mapped_ids("         0          0 4294967295\n"), 0U);
    EXPECT_EQ(mapped_ids(""), 0U);
    EXPECT_EQ(mapped_ids("what?"), 0U);
}

} // namespace
} // namespace stead::guests
