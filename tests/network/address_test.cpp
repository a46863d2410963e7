#include "network/support.h"

namespace stead::recipe {
namespace {

using network::test::address;

TEST(Address, IsReadWithAndWithoutItsPrefix) {
    EXPECT_EQ(network_text(address("10.7.0.10/24")), "10.7.0.10/24");
    EXPECT_EQ(network_text(address("10.7.0.10")), "10.7.0.10/32");
    EXPECT_EQ(network_text(address("fd00:7:0::10/64")), "fd00:7::10/64");
    EXPECT_EQ(address_text(address("FD00::A")), "fd00::a");
}

TEST(Address, IsNothingElse) {
    for (const char* text : {"",
                             "/",
                             "/24",
                             "10.7.0",
                             "10.7.0.256",
                             "010.7.0.1",
                             "10.7.0.1/",
                             "10.7.0.1/0",
                             "10.7.0.1/33",
                             "10.7.0.1/024",
                             "10.7.0.1/2 4",
                             "10.7.0.1/-1",
                             " 10.7.0.1",
                             "10.7.0.1 ",
                             "fd00::1/129",
                             "fe80::1%eth0",
                             "fd00:::1",
                             "web",
                             "1.2.3.4.5",
                             "[fd00::1]",
                             "10.7.0.1/99999999999"})
        EXPECT_FALSE(parse_address(text)) << text;
    EXPECT_FALSE(parse_address(std::string_view("10.7.0.1\0x", 10)));
}

TEST(Address, LiesInItsNetwork) {
    EXPECT_TRUE(contains(address("10.7.0.1/16"), address("10.7.255.255")));
    EXPECT_FALSE(contains(address("10.7.0.1/16"), address("10.8.0.1")));
    EXPECT_TRUE(contains(address("fd00:7::/63"), address("fd00:7:0:1::5")));
    EXPECT_FALSE(contains(address("fd00:7::/64"), address("fd00:7:0:1::5")));
    EXPECT_FALSE(contains(address("10.0.0.0/8"), address("fd00::1")));
}

TEST(Address, OfAGuestIsOneThatAnInterfaceCanHave) {
    for (const char* text : {"0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.7.0.0/24",
                             "10.7.0.255/24", "::", "::1", "fe80::5", "ff02::1", "::ffff:10.0.0.1"})
        EXPECT_NE(unusable(address(text)), "") << text;
    for (const char* text :
         {"10.7.0.10/24", "10.7.0.0/31", "10.7.0.255", "8.8.8.8", "fd00::", "2001:db8::1/64"})
        EXPECT_EQ(unusable(address(text)), "") << text;
}

TEST(Address, IsPrivateWhereItMeansNothingOutside) {
    for (const char* text : {"10.0.0.1", "172.31.255.1", "192.168.7.7", "100.64.0.1", "fd00::1"})
        EXPECT_TRUE(is_private(address(text))) << text;
    for (const char* text : {"172.32.0.1", "192.169.0.1", "100.128.0.1", "9.9.9.9", "2001:db8::1"})
        EXPECT_FALSE(is_private(address(text))) << text;
}

} // namespace
} // namespace stead::recipe
