#include <filesystem>

#include "unitfile/layers.h"
#include "unitfile/support.h"

namespace stead::unitfile {

namespace {

/// The unit of `base` with drop-ins `a.toml`, `b.toml`, ... over it.
UnitSpec laid(const std::string& base, const std::vector<std::string>& drop_ins) {
    Diagnostics diagnostics;
    Layers layers{*parse_document(base, "web.toml", diagnostics), {}, {}};
    char name = 'a';
    for (const std::string& text : drop_ins) {
        const std::string file = std::string(1, name++) + ".toml";
        lay_over(layers, *parse_document(text, file, diagnostics), file);
    }
    auto unit = read_unit_layers(layers, "web.toml", "web", {}, diagnostics);
    EXPECT_EQ(render(diagnostics), "");
    return unit.value_or(UnitSpec{});
}

std::vector<std::string> names(const TextList& list) {
    std::vector<std::string> out;
    for (const Text& item : list)
        out.push_back(item.value);
    return out;
}

using Names = std::vector<std::string>;

} // namespace

TEST(DropIn, ReplacesScalarsAndListsAndMergesTables) {
    const UnitSpec unit = laid("command = \"/bin/a\"\nuser = \"x\"\nwants = [\"one\"]\n"
                               "[restart]\npolicy = \"always\"\nburst = 3\n",
                               {"user = \"y\"\nwants = [\"two\"]\n[restart]\nburst = 7\n"});
    EXPECT_EQ(unit.user.value, "y");
    EXPECT_EQ(unit.user.place.file, "a.toml");
    EXPECT_EQ(names(unit.wants), Names{"two"});
    EXPECT_EQ(unit.restart, RestartPolicy::Always);
    EXPECT_EQ(unit.restart_burst, 7U);
}

TEST(DropIn, SplicesAndTakesAway) {
    const std::string base = "command = \"/bin/a\"\nwants = [\"one\", \"two\", \"three\"]\n";
    EXPECT_EQ(names(laid(base, {"wants = [\"zero\", \"...\", \"four\"]"}).wants),
              (Names{"zero", "one", "two", "three", "four"}));
    EXPECT_EQ(names(laid(base, {"wants = [\"...\", \"!two\", \"one\"]"}).wants),
              (Names{"one", "three"}));
    EXPECT_EQ(
        names(laid(base, {"wants = [\"...\", \"four\"]", "wants = [\"...\", \"!one\"]"}).wants),
        (Names{"two", "three", "four"}));
    EXPECT_EQ(names(laid(base, {"wants = []"}).wants), Names{});
}

TEST(DropIn, SplicesIntoNothingWhereNothingIsBelow) {
    const UnitSpec unit =
        laid("command = \"/bin/a\"\n",
             {"wants = [\"...\", \"x\"]\ncapabilities = [\"...\", \"!NET_RAW\"]\n"});
    EXPECT_EQ(names(unit.wants), Names{"x"});
    // Here "..." stands for the guest's own list.
    EXPECT_EQ(names(unit.capabilities.items), (Names{"...", "!NET_RAW"}));
}

TEST(DropIn, MergesAShorthandWithItsTable) {
    const UnitSpec one = laid("command = \"a\"\nrestart = \"always\"\n", {"restart.burst = 7\n"});
    EXPECT_EQ(one.restart, RestartPolicy::Always);
    EXPECT_EQ(one.restart_burst, 7U);
    const UnitSpec two =
        laid("command = \"a\"\n[restart]\nburst = 7\n", {"restart = \"always\"\n"});
    EXPECT_EQ(two.restart, RestartPolicy::Always);
    EXPECT_EQ(two.restart_burst, 7U);
}

TEST(DropIn, IsNamedInMessagesAboutIt) {
    Diagnostics diagnostics;
    Layers layers{*parse_document("command = \"a\"\n", "web.toml", diagnostics), {}, {}};
    lay_over(layers, *parse_document("\nusr = \"x\"\n", "a.toml", diagnostics), "a.toml");
    EXPECT_FALSE(read_unit_layers(layers, "web.toml", "web", {}, diagnostics));
    EXPECT_EQ(render(diagnostics.all().at(0).place), "a.toml:2:1");
}

} // namespace stead::unitfile
