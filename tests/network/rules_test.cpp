#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "network/rules.h"
#include "network/support.h"

namespace stead::network {
namespace {

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

/// Those whose bit is set.
std::vector<Attachment> chosen(const std::vector<Attachment>& all, unsigned bits) {
    std::vector<Attachment> some;
    for (std::size_t index = 0; index < all.size(); ++index)
        if ((bits >> index & 1U) != 0) some.push_back(all[index]);
    return some;
}

/// All but the first.
std::set<std::string> lines_of(const std::string& list) {
    std::set<std::string> lines;
    std::istringstream text(list);
    std::string line;
    std::getline(text, line);
    while (std::getline(text, line))
        lines.insert(line);
    return lines;
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

/// What nft's commands make of a list of elements.
std::set<std::string> carried_out(const std::string& before, const std::string& script) {
    std::set<std::string> lines = lines_of(before);
    std::istringstream commands(script);
    for (std::string line; std::getline(commands, line);) {
        std::smatch part;
        const std::regex command("(add|delete) element (inet|bridge) stead_7 (\\w+) \\{ (.*) \\}");
        if (!std::regex_match(line, part, command)) ADD_FAILURE() << line;
        std::istringstream items(part[4].str());
        for (std::string item; std::getline(items >> std::ws, item, ',');) {
            const std::string full = part[2].str() + " " + part[3].str() + " " + item;
            if (part[1] == "add") {
                EXPECT_TRUE(lines.insert(full).second) << full;
            } else {
                EXPECT_EQ(std::erase_if(lines,
                                        [&](const std::string& one) {
                                            return one == full || one.starts_with(full + " : ");
                                        }),
                          1U)
                    << full;
            }
        }
    }
    return lines;
}

TEST(Rules, ChangeByWhatDiffersAndAreThoseOfAllGuestsThen) {
    const auto all = some_guests();
    int changes = 0;
    for (unsigned before = 0; before < 1U << all.size(); ++before) {
        for (unsigned after = 0; after < 1U << all.size(); ++after) {
            const std::string old = list_elements(chosen(all, before), "7");
            const std::string now = list_elements(chosen(all, after), "7");
            const auto script = render_changes(old, now, "7");
            if (!script) continue;
            ++changes;
            EXPECT_EQ(carried_out(old, *script), lines_of(now)) << *script;
        }
    }
    EXPECT_GT(changes, 20);
}

TEST(Rules, OfANewerVersionOrWithAnotherTableAreMadeAnewAsAWhole) {
    const std::vector<Attachment> one{guest("web", {"10.7.0.10"})};
    const std::vector<Attachment> two{one[0], guest("db", {"10.7.0.11"})};
    const std::string before = list_elements(one, "");
    const std::string after = list_elements(two, "");
    EXPECT_TRUE(render_changes(before, after, ""));
    EXPECT_EQ(render_changes("1" + before, after, ""), std::nullopt);
    EXPECT_EQ(render_changes("", after, ""), std::nullopt);
    EXPECT_EQ(render_changes(before, list_elements({}, ""), ""), std::nullopt);
    EXPECT_EQ(render_changes(before, list_elements(some_guests(), ""), ""), std::nullopt);
    EXPECT_EQ(render_changes(before, before, ""), std::nullopt) << "nothing tells what is there";
}

TEST(Rules, InsideAMacvlanGuestLetOnlyItsAddressesOut) {
    expect_golden("inside.nft", render_inside(some_guests()[3]));
}

} // namespace
} // namespace stead::network
