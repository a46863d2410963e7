#include <sched.h>

#include "compile/fixture.h"

namespace stead::compile {
namespace {

using recipe::Link;
using test::guest;
using test::Host;

test::Outcome network(const std::string& lines, const Host& host = {}) {
    return guest("root = \"/srv/root\"\n[network]\nmode = \"private\"\n" + lines, host);
}

Host with_resolver(const std::string& kind) {
    Host host;
    host.add("/srv/root/etc/resolv.conf", kind);
    return host;
}

TEST(PrivateNetwork, IsRoutedWithoutMoreWords) {
    const auto outcome = network("", with_resolver("file"));
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const recipe::Network& made = outcome.context().network;
    EXPECT_EQ(made.mode, recipe::NetworkMode::Own);
    EXPECT_EQ(made.link, Link::Routed);
    EXPECT_TRUE(made.addresses.empty());
    EXPECT_EQ(made.dns, recipe::NameServers::Host);
    EXPECT_EQ(made.resolver_place, "/etc/resolv.conf");
    EXPECT_NE(outcome.context().namespaces & CLONE_NEWNET, 0U);
    EXPECT_TRUE(outcome.context().notices.empty());
}

TEST(PrivateNetwork, TakesItsKeys) {
    const auto outcome = network("addresses = [\"10.7.0.10/24\", \"fd00:7::10/64\"]\n"
                                 "gateway = [\"10.7.0.1\", \"fe80::5\"]\ndns = \"9.9.9.9\"\n"
                                 "ports = [\"8080:80\", \"udp:[fd00::1]:53:5353\"]\n"
                                 "peers = [\"db\", \"*\"]\nmasquerade = \"never\"\n",
                                 with_resolver("file"));
    ASSERT_TRUE(outcome.guest) << outcome.messages;
    const recipe::Network& made = outcome.context().network;
    ASSERT_EQ(made.addresses.size(), 2U);
    EXPECT_EQ(made.addresses[0].prefix, 24);
    EXPECT_EQ(made.gateways.size(), 2U);
    EXPECT_EQ(made.dns, recipe::NameServers::Listed);
    ASSERT_EQ(made.ports.size(), 2U);
    EXPECT_EQ(made.ports[0].outside, 8080);
    EXPECT_EQ(made.ports[0].inside, 80);
    EXPECT_FALSE(made.ports[0].at);
    EXPECT_EQ(made.ports[1].protocol, recipe::Listen::Protocol::Udp);
    EXPECT_EQ(recipe::address_text(made.ports[1].at.value()), "fd00::1");
    EXPECT_EQ(made.peers, (std::vector<std::string>{"db", "*"}));
    EXPECT_EQ(made.masquerade, recipe::Masquerade::Never);
}

TEST(PrivateNetwork, LiesOnABridgeOrAWire) {
    const auto bridge = network("link = \"bridge:br0\"\naddresses = [\"10.7.0.10/24\"]\n"
                                "gateway = \"10.7.0.1\"\ndns = \"none\"\n");
    ASSERT_TRUE(bridge.guest) << bridge.messages;
    EXPECT_EQ(bridge.context().network.link, Link::Bridge);
    EXPECT_EQ(bridge.context().network.parent, "br0");
    const auto wire = network("link = \"macvlan:eth0\"\naddresses = [\"10.7.0.10/24\"]\n"
                              "peers = [\"*\"]\ndns = \"none\"\n");
    ASSERT_TRUE(wire.guest) << wire.messages;
    EXPECT_EQ(wire.context().network.link, Link::Macvlan);
}

TEST(PrivateNetwork, RefusesWhatCannotBe) {
    struct Case {
        const char* lines;
        const char* words;
    };

    for (const Case& one : {
             Case{"addresses = [\"10.7.0\"]", "write an address and the length"},
             Case{"addresses = [\"127.0.0.5\"]", "which is a loopback address"},
             Case{"addresses = [\"10.7.0.1/24\", \"10.7.0.1\"]", "twice"},
             Case{"gateway = \"10.7.0.1/24\"", "without a prefix"},
             Case{"addresses = [\"10.7.0.1\"]\ngateway = \"10.7.0.1\"", "the guest's own address"},
             Case{"addresses = [\"10.7.0.1\"]\ngateway = \"fe80::1\"", "no address of IPv6"},
             Case{"gateway = [\"10.7.0.1\", \"10.7.0.2\"]", "one is enough"},
             Case{"link = \"bridge\"", "1 to 15 characters"},
             Case{"link = \"bridge:a/b\"", "1 to 15 characters"},
             Case{"link = \"bridge:a\\\"b\"", "1 to 15 characters"},
             Case{"link = \"vlan:7\"", "use routed, bridge:NAME or macvlan:INTERFACE"},
             Case{"link = \"bridge:br0\"", "needs network.addresses"},
             Case{"link = \"bridge:br0\"\naddresses = [\"10.7.0.10/24\"]\ngateway = \"10.8.0.1\"",
                  "lies in none of the networks"},
             Case{"link = \"bridge:br0\"\naddresses = [\"10.7.0.10/24\"]\nports = [\"80:80\"]",
                  "is for link = \"routed\""},
             Case{"link = \"bridge:br0\"\naddresses = [\"10.7.0.10/24\"]\nmasquerade = \"always\"",
                  "is for link = \"routed\""},
             Case{"link = \"macvlan:e\"\naddresses = [\"10.7.0.10/24\"]\npeers = [\"db\"]",
                  "passes no rule"},
             Case{"ports = [\"80\"]", "write the host's port and the guest's"},
             Case{"ports = [\"80:\"]", "write the host's port and the guest's"},
             Case{"ports = [\"0:80\"]", "write the host's port and the guest's"},
             Case{"ports = [\"080:80\"]", "write the host's port and the guest's"},
             Case{"ports = [\"65536:80\"]", "write the host's port and the guest's"},
             Case{"ports = [\"sctp:80:80\"]", "write the host's port and the guest's"},
             Case{"ports = [\"fd00::1:80:80\"]", "write the host's port and the guest's"},
             Case{"ports = [\"10.0.0.0/8:80:80\"]", "write the host's port and the guest's"},
             Case{"ports = [\"[::1]:80:80\"]", "use 127.0.0.1"},
             Case{"ports = [\"80:80\", \"tcp:10.7.0.9:80:81\"]", "given twice, first as '80:80'"},
             Case{"addresses = [\"fd00::5\"]\nports = [\"127.0.0.1:80:80\"]", "no address of IPv4"},
             Case{"dns = [\"host\", \"9.9.9.9\"]", "write \"host\", \"none\" or addresses"},
             Case{"dns = [\"1.1.1.1\", \"1.1.1.2\", \"1.1.1.3\", \"1.1.1.4\"]", "at most 3"},
         }) {
        const auto outcome = network(std::string(one.lines) + "\n", with_resolver("file"));
        EXPECT_FALSE(outcome.guest) << one.lines;
        EXPECT_NE(outcome.messages.find(one.words), std::string::npos) << one.lines << "\n"
                                                                       << outcome.messages;
        EXPECT_NE(outcome.messages.find("web.toml:"), std::string::npos) << outcome.messages;
    }
}

TEST(PrivateNetwork, SaysWhereNameServersCannotBeTold) {
    const auto quiet = network("");
    ASSERT_TRUE(quiet.guest) << quiet.messages;
    EXPECT_EQ(quiet.context().network.dns, recipe::NameServers::None);
    ASSERT_EQ(quiet.context().notices.size(), 1U);
    EXPECT_NE(quiet.context().notices[0].find("no /etc/resolv.conf"), std::string::npos);
    EXPECT_FALSE(network("dns = \"host\"\n").guest);

    Host alone = with_resolver("file");
    alone.facts.has_name_servers = [] { return false; };
    EXPECT_FALSE(network("dns = \"host\"\n", alone).guest);
    EXPECT_TRUE(network("", alone).guest);
    EXPECT_TRUE(network("dns = \"9.9.9.9\"\n", alone).guest);
}

TEST(PrivateNetwork, IsForRoot) {
    Host host = with_resolver("file");
    host.facts.rootless_ids = 65536;
    const auto outcome = network("", host);
    EXPECT_FALSE(outcome.guest);
    EXPECT_NE(outcome.messages.find("which needs root"), std::string::npos) << outcome.messages;
}

TEST(PrivateNetwork, FollowsALinkOfResolvConfIntoRunOnly) {
    const auto place = [](const char* link) {
        return network("", with_resolver(link)).context().network.resolver_place;
    };
    EXPECT_EQ(place("->../run/systemd/resolve/stub-resolv.conf"),
              "/run/systemd/resolve/stub-resolv.conf");
    EXPECT_EQ(place("->/run/resolvconf/resolv.conf"), "/run/resolvconf/resolv.conf");
    EXPECT_EQ(place("->/run/../etc/shadow"), "/etc/resolv.conf");
    EXPECT_EQ(place("->/run/stead/control"), "/etc/resolv.conf");
}

} // namespace
} // namespace stead::compile
