#include <cstdlib>
#include <fstream>
#include <sstream>

#include "network/rules.h"
#include "network/support.h"

namespace stead::network {
namespace {

using test::address;
using test::guest;
using test::port;

/// Two routed guests, a bridged one, and one beside the wire.
std::vector<Attachment> some_guests() {
    Attachment web = guest("web", {"10.7.0.10/24", "fd00:7::10/64"});
    web.network.ports = {port(8080, 80), port(53, 5353, "127.0.0.1")};
    web.network.ports[1].protocol = recipe::Listen::Protocol::Udp;
    Attachment db = guest("db", {"10.7.0.11", "8.8.8.8"});
    db.network.peers = {"web", "gone"};
    Attachment lan = guest("lan", {"192.168.1.50/24"});
    lan.network.link = recipe::Link::Bridge;
    lan.network.peers = {"*"};
    Attachment wire = guest("wire", {"192.168.2.50/24"});
    wire.network.link = recipe::Link::Macvlan;
    wire.interface = "";
    return {web, db, lan, wire};
}

/// The text of a file beside the tests, which STEAD_UPDATE_GOLDEN=1 writes anew.
void expect_golden(const std::string& name, const std::string& text) {
    const std::string path = std::string(STEAD_TEST_DATA) + "/network/" + name;
    if (std::getenv("STEAD_UPDATE_GOLDEN") != nullptr) // NOLINT(concurrency-mt-unsafe)
        std::ofstream(path) << text;
    std::ostringstream wanted;
    wanted << std::ifstream(path).rdbuf();
    EXPECT_EQ(text, wanted.str()) << path;
}

TEST(Rules, OfSomeGuestsReadLikeThis) {
    expect_golden("guests.nft", render_rules(some_guests(), "", false));
}

TEST(Rules, AreTheSameInWhateverOrderTheGuestsCome) {
    auto guests = some_guests();
    const std::string text = render_rules(guests, "", false);
    std::swap(guests[0], guests[2]);
    EXPECT_EQ(render_rules(guests, "", false), text);
}

TEST(Rules, WithoutGuestsAreNone) {
    EXPECT_EQ(render_rules({}, "", false), "table inet stead\ndelete table inet stead\n");
    EXPECT_EQ(render_rules({}, "7", true), "table inet stead_7\ndelete table inet stead_7\n"
                                           "table bridge stead_7\ndelete table bridge stead_7\n");
}

TEST(Rules, NameBridgesOnlyWhereThereIsAGuestOnOne) {
    const std::vector<Attachment> routed{guest("web", {"10.7.0.10"})};
    EXPECT_EQ(render_rules(routed, "", false).find("bridge"), std::string::npos);
    EXPECT_FALSE(needs_bridge(routed));
    EXPECT_TRUE(needs_bridge(some_guests()));
}

TEST(Rules, DoNotGrowWithTheGuestsButForTheirSets) {
    std::vector<Attachment> guests{guest("web", {"10.7.0.10"})};
    const auto rules = [&] {
        const std::string text = render_rules(guests, "", false);
        return text.substr(text.find("chain sources"));
    };
    const std::string one = rules();
    guests.push_back(guest("db", {"10.7.0.11"}));
    EXPECT_EQ(rules(), one);
}

TEST(Rules, InsideAMacvlanGuestLetOnlyItsAddressesOut) {
    expect_golden("inside.nft", render_inside(some_guests()[3]));
}

} // namespace
} // namespace stead::network
