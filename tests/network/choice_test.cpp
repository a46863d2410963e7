#include <set>

#include "network/addresses.h"
#include "network/support.h"

namespace stead::network {
namespace {

using test::address;
using test::guest;
using test::port;

std::string problem(const Result<void>& result) {
    return result ? std::string() : std::string(describe(result.error()).view());
}

bool says(const Result<void>& result, const std::string& words) {
    return problem(result).find(words) != std::string::npos;
}

bool nobody(std::uint32_t) {
    return false;
}

TEST(ChosenNumber, IsTheSameForTheSameName) {
    EXPECT_EQ(choose_number("web", {}, nobody), choose_number("web", {}, nobody));
    EXPECT_NE(choose_number("web", {}, nobody), choose_number("db", {}, nobody));
}

TEST(ChosenNumber, IsNeverTaken) {
    std::set<std::uint32_t> taken;
    for (int i = 0; i < 200; ++i) {
        const auto number = choose_number(
            "web", {}, [&](std::uint32_t candidate) { return taken.contains(candidate); });
        ASSERT_TRUE(number);
        EXPECT_TRUE(taken.insert(*number).second);
        EXPECT_NE(*number & 0xffU, 0U);
        EXPECT_NE(*number & 0xffU, 0xffU);
    }
}

TEST(ChosenNumber, LeavesOutWhatTheHostReachesOtherwise) {
    HostNetwork host;
    host.routes.push_back({address("10.209.0.0/17"), std::nullopt, "eth1", false});
    for (const char* name : {"web", "db", "mail", "a", "b", "c", "d", "e"}) {
        const auto number = choose_number(name, host, nobody);
        ASSERT_TRUE(number);
        EXPECT_GE(*number, 32768U) << name;
    }
    host.routes.push_back({address("10.0.0.0/8"), std::nullopt, "vpn0", false});
    EXPECT_FALSE(choose_number("web", host, nobody));
}

TEST(ChosenNumber, IsNotKeptAwayByTheRoutesToGuestsOrToEverywhere) {
    HostNetwork host;
    host.routes.push_back({std::nullopt, address("192.168.1.1"), "eth0", false});
    host.routes.push_back({address("10.209.0.0/16"), std::nullopt, "st-web", false});
    EXPECT_TRUE(choose_number("web", host, nobody));
}

TEST(NumberedAddresses, AreOfBothFamilies) {
    const auto both = numbered(0x0307, true);
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(recipe::address_text(both[0]), "10.209.3.7");
    EXPECT_EQ(recipe::address_text(both[1]), "fd53:7465:6164::307");
    EXPECT_EQ(numbered(0x0307, false).size(), 1U);
}

TEST(Wishes, ForAnAddressOfTheHostOrOfAnotherGuestAreRefused) {
    HostNetwork host;
    host.addresses = {address("192.168.1.2/24")};
    const std::vector<Attachment> others{guest("db", {"10.7.0.11"})};
    EXPECT_EQ(problem(check_wishes(guest("web", {"10.7.0.10"}), host, others)), "");
    EXPECT_TRUE(says(check_wishes(guest("web", {"192.168.1.2/24"}), host, others),
                     "the host itself has this address"));
    EXPECT_TRUE(says(check_wishes(guest("web", {"10.7.0.11/24"}), host, others),
                     "another guest has this address"));
    EXPECT_TRUE(says(check_wishes(guest("web", {"10.7.0.11/24"}), host, others), "('db')"));
}

TEST(Wishes, ForIPv6NeedAKernelThatHasIt) {
    HostNetwork host;
    host.has_v6 = false;
    EXPECT_TRUE(says(check_wishes(guest("web", {"fd00::1"}), host, {}), "no IPv6"));
}

TEST(Wishes, ForAPortOfAnotherGuestAreRefusedWhereBothWouldAnswer) {
    Attachment db = guest("db", {"10.7.0.11"});
    db.network.ports = {port(8080, 80), port(9000, 90, "127.0.0.1")};
    const std::vector<Attachment> others{db};
    const auto with = [&](recipe::Forward wish) {
        Attachment web = guest("web", {"10.7.0.10"});
        web.network.ports = {std::move(wish)};
        return check_wishes(web, {}, others);
    };
    EXPECT_EQ(problem(with(port(8081, 80))), "");
    EXPECT_TRUE(says(with(port(8080, 99)), "leads into another guest"));
    EXPECT_TRUE(says(with(port(8080, 80, "192.168.1.2")), "leads into another guest"));
    EXPECT_TRUE(says(with(port(9000, 80)), "leads into another guest"));
    EXPECT_EQ(problem(with(port(9000, 80, "192.168.1.2"))), "");
    recipe::Forward udp = port(8080, 80);
    udp.protocol = recipe::Listen::Protocol::Udp;
    EXPECT_EQ(problem(with(udp)), "");
}

TEST(Wishes, ForTheHostsRouterAsGatewayAreRefused) {
    HostNetwork host;
    host.routes.push_back({std::nullopt, address("192.168.1.1"), "eth0", false});
    Attachment web = guest("web", {"192.168.1.50/24"});
    web.network.gateways = {address("192.168.1.1")};
    EXPECT_TRUE(says(check_wishes(web, host, {}), "is a router of the host's"));
    web.network.link = recipe::Link::Bridge;
    EXPECT_EQ(problem(check_wishes(web, host, {})), "");
}

} // namespace
} // namespace stead::network
