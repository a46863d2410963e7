#include "network/support.h"

namespace stead::network {
namespace {

using test::address;
using test::guest;
using test::port;

TEST(InterfaceName, FitsIntoFifteenCharactersAndStaysApart) {
    EXPECT_EQ(interface_name("web", ""), "st-web");
    EXPECT_EQ(interface_name("twelve-chars", ""), "st-twelve-chars");
    const std::string first = interface_name("a-name-that-is-long-1", "");
    const std::string second = interface_name("a-name-that-is-long-2", "");
    EXPECT_EQ(first.size(), 15U);
    EXPECT_NE(first, second);
    EXPECT_TRUE(first.starts_with("st-a-na-")) << first;
    EXPECT_NE(interface_name("web", "1"), interface_name("web", "2"));
}

TEST(HardwareAddress, IsOneThatNobodyMade) {
    const std::string one = hardware_address("web", "");
    EXPECT_EQ(one.size(), 17U);
    EXPECT_TRUE(one.starts_with("02:"));
    EXPECT_EQ(one, hardware_address("web", ""));
    EXPECT_NE(one, hardware_address("db", ""));
}

TEST(HostEnd, IsTheGatewayOrTheUsualOne) {
    Attachment web = guest("web", {"10.7.0.10"});
    EXPECT_EQ(recipe::address_text(host_end(web.network, false)), "169.254.0.1");
    EXPECT_EQ(recipe::address_text(host_end(web.network, true)), "fe80::1");
    web.network.gateways = {address("10.7.0.1")};
    EXPECT_EQ(recipe::address_text(host_end(web.network, false)), "10.7.0.1");
}

TEST(HiddenAddress, IsAPrivateOneUnlessTheFileSaysOtherwise) {
    Attachment web = guest("web", {"10.7.0.10", "8.8.8.8"});
    EXPECT_TRUE(is_hidden(web.network, web.network.addresses[0]));
    EXPECT_FALSE(is_hidden(web.network, web.network.addresses[1]));
    web.network.masquerade = recipe::Masquerade::Always;
    EXPECT_TRUE(is_hidden(web.network, web.network.addresses[1]));
    web.network.masquerade = recipe::Masquerade::Never;
    EXPECT_FALSE(is_hidden(web.network, web.network.addresses[0]));
    web.network.masquerade = recipe::Masquerade::Auto;
    web.network.link = recipe::Link::Bridge;
    EXPECT_FALSE(is_hidden(web.network, web.network.addresses[0]));
}

TEST(Record, IsReadAsItWasWritten) {
    Attachment web = guest("web", {"10.7.0.10/24", "fd00:7::10/64"});
    web.network.link = recipe::Link::Bridge;
    web.network.parent = "br0";
    web.network.gateways = {address("10.7.0.1")};
    web.network.ports = {port(8080, 80), port(53, 5353, "127.0.0.1")};
    web.network.ports[1].protocol = recipe::Listen::Protocol::Udp;
    web.network.peers = {"db", "*"};
    web.network.masquerade = recipe::Masquerade::Never;
    web.network.dns = recipe::NameServers::Listed;
    web.network.name_servers = {address("9.9.9.9")};
    const std::string text = write_attachment(web);
    const auto again = read_attachment(text);
    ASSERT_TRUE(again);
    EXPECT_EQ(write_attachment(*again), text);
    EXPECT_EQ(again->interface, "st-web");
    EXPECT_EQ(again->network.parent, "br0");
    EXPECT_EQ(again->network.ports.size(), 2U);
    EXPECT_EQ(again->network.ports[1].outside, 53);
    EXPECT_EQ(again->network.masquerade, recipe::Masquerade::Never);
}

TEST(ListOfRecords, IsReadAsItWasWritten) {
    std::vector<Attachment> guests{guest("web", {"10.7.0.10"}), guest("db", {"fd00:7::11/64"}),
                                   guest("mail", {"10.7.0.12", "fd00:7::12"})};
    recipe::Network& network = guests[2].network;
    network.link = recipe::Link::Bridge;
    network.parent = "br0";
    network.gateways = {address("10.7.0.1"), address("fe80::1")};
    network.ports = {port(8080, 80), port(53, 5353, "127.0.0.1")};
    network.ports[1].protocol = recipe::Listen::Protocol::Udp;
    network.ports[1].text = "127.0.0.1:53:5353/udp";
    network.peers = {"db", "*"};
    network.masquerade = recipe::Masquerade::Never;
    network.dns = recipe::NameServers::Listed;
    network.name_servers = {address("9.9.9.9")};
    const auto text = write_attachments(guests);
    ASSERT_TRUE(text);
    const auto again = read_attachments(*text);
    ASSERT_TRUE(again);
    ASSERT_EQ(again->size(), guests.size());
    for (std::size_t i = 0; i < guests.size(); ++i)
        EXPECT_EQ(write_attachment((*again)[i]), write_attachment(guests[i]));
    EXPECT_TRUE(read_attachments(*write_attachments({}))->empty());
}

TEST(ListOfRecords, ThatIsNotWholeIsNothing) {
    // One that cannot be read might be one whose address somebody else would get.
    const std::vector<Attachment> guests{guest("web", {"10.7.0.10"}), guest("db", {"10.7.0.11"})};
    const std::string text = *write_attachments(guests);
    for (std::size_t size = 0; size < text.size(); ++size)
        EXPECT_FALSE(read_attachments(std::string_view(text).substr(0, size))) << size;
    const std::string first = "networks 1 1\n";
    const std::string rest = "\t0\t0\t10.7.0.10/32\t\t\t\t\n";
    const auto with = [&](const char* begin) {
        return std::string(first).append(begin).append(rest);
    };
    ASSERT_TRUE(read_attachments(with("web\tst-web\t\t1")));
    for (const std::string& bad :
         {std::string("[]\n"), std::string("networks 2 0\n"), std::string("networks 1 x\n"),
          std::string("networks 1 -1\n"), first + "\n", with("web\tst-web\t\t0"),
          with("web\tst-web\t\t9"), with("\tst-web\t\t1"),
          first + "web\tst-web\t\t1\t0\t0\tnone\t\t\t\t\n",
          first + "web\tst-web\t\t1\t0\t0\t10.7.0.10/32\t\t\t0,80,99999,,\t\n",
          first + "web\tst-web\t\t1\t0\t0\t10.7.0.10/32\t\t\t0,80,80,x,\t\n"})
        EXPECT_FALSE(read_attachments(bad)) << bad;
}

TEST(ListOfRecords, HoldsNoTextThatWouldBeReadAsAnother) {
    for (const char* odd : {"a b", "a\tb", "a\nb", "a,b", ""}) {
        std::vector<Attachment> guests{guest("web", {"10.7.0.10"})};
        guests[0].network.peers = {odd};
        EXPECT_FALSE(write_attachments(guests)) << odd;
    }
    std::vector<Attachment> guests{guest("web", {"10.7.0.10"})};
    guests[0].network.parent = "a b";
    EXPECT_FALSE(write_attachments(guests));
}

TEST(Record, ThatIsNoneIsNothing) {
    for (const char* text :
         {"", "{", "[]", "null", "{}", R"({"guest":"web"})", R"({"guest":1,"link":"routed"})",
          R"({"guest":"web","link":"tunnel"})", R"({"guest":"","link":"routed"})"})
        EXPECT_FALSE(read_attachment(text)) << text;
    const auto odd = read_attachment(R"({"guest":"web","link":"routed","addresses":["x",7],
        "ports":[{"outside":99999,"inside":1},{"outside":-1,"inside":1},7,{}]})");
    ASSERT_TRUE(odd);
    EXPECT_TRUE(odd->network.addresses.empty());
    EXPECT_TRUE(odd->network.ports.empty());
}

} // namespace
} // namespace stead::network
