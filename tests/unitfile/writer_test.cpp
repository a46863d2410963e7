#include <gtest/gtest.h>

#include "unitfile/keys.h"
#include "unitfile/support.h"
#include "unitfile/writer.h"

namespace stead::unitfile::test {

namespace {

Node reread(const std::string& text) {
    Diagnostics diagnostics;
    auto root = parse_document(text, "a.toml", diagnostics);
    EXPECT_TRUE(root) << text << render(diagnostics);
    return root ? *std::move(root) : Node{};
}

TEST(Writer, OrdersKeysAsTheTableOfKeysDoes) {
    const WrittenUnit unit{{"Head."},
                           {{"restart.delay", text_node("1s"), {}},
                            {"limits.nofile", integer_node(8), {"why"}},
                            {"command", list_node({"a", "b"}), {"from x"}},
                            {"restart.policy", text_node("no"), {}},
                            {"description", text_node("A"), {}}}};
    EXPECT_EQ(write_unit(unit).text, "# Head.\n"
                                     "description = \"A\"\n"
                                     "\n"
                                     "# from x\n"
                                     "command = [\"a\", \"b\"]\n"
                                     "\n"
                                     "[restart]\n"
                                     "policy = \"no\"\n"
                                     "delay = \"1s\"\n"
                                     "\n"
                                     "[limits]\n"
                                     "# why\n"
                                     "nofile = 8\n");
}

TEST(Writer, WritesTablesOfValuesBelowThePlainKeys) {
    Node table;
    table.members.push_back({"A", {}, text_node("1")});
    table.members.push_back({"B C", {}, text_node("2")});
    const auto written =
        write_unit({{}, {{"environment", table, {}}, {"user", text_node("x"), {}}}});
    EXPECT_EQ(written.text, "user = \"x\"\n\n[environment]\nA = \"1\"\n\"B C\" = \"2\"\n");
    ASSERT_EQ(written.keys.size(), 2U);
    EXPECT_EQ(written.keys[1].first, 4U);
    EXPECT_EQ(written.keys[1].last, 5U);
}

TEST(Writer, NamesTheTablesOfSockets) {
    EXPECT_EQ(write_unit({{}, {{"socket.a b.listen", list_node({"tcp:80"}), {}}}}).text,
              "[socket.\"a b\"]\nlisten = [\"tcp:80\"]\n");
}

TEST(Writer, WritesGuestFilesWithTheUnitOfAJail) {
    const WrittenUnit guest{{},
                            {{"unit.web.stop.signal", text_node("INT"), {}},
                             {"unit.web.command", list_node({"a"}), {}},
                             {"network.mode", text_node("host"), {}},
                             {"limits.nofile", integer_node(8), {}},
                             {"root", text_node("/a"), {}},
                             {"hostname", text_node("b"), {}}},
                            Kind::Guest};
    EXPECT_EQ(write_unit(guest).text, "hostname = \"b\"\n"
                                      "root = \"/a\"\n"
                                      "\n"
                                      "[network]\n"
                                      "mode = \"host\"\n"
                                      "\n"
                                      "[limits]\n"
                                      "nofile = 8\n"
                                      "\n"
                                      "[unit.web]\n"
                                      "command = [\"a\"]\n"
                                      "stop.signal = \"INT\"\n");
}

TEST(Writer, SaysWordsAboveSeveralKeysOnce) {
    EXPECT_EQ(write_unit({{},
                          {{"stop.signal", text_node("INT"), {"same"}},
                           {"stop.timeout", text_node("1s"), {"same"}}}})
                  .text,
              "[stop]\n# same\nsignal = \"INT\"\ntimeout = \"1s\"\n");
}

TEST(Writer, KeepsEveryByteOfATextAndNoneOfAComment) {
    std::string all;
    for (char c = 1; c < 0x7f; ++c)
        all += c;
    all += "\x7f\xc3\xa9\\\"";
    const auto written =
        write_unit({{"a\nb\x1b[0m"}, {{"description", text_node(all), {"x\r\n[y]"}}}});
    const Node root = reread(written.text);
    ASSERT_NE(root.find("description"), nullptr);
    EXPECT_EQ(root.find("description")->value.text, all);
    EXPECT_EQ(root.members.size(), 1U);
    EXPECT_EQ(written.text.find('\x1b'), std::string::npos);
}

TEST(Writer, BreaksLongListsAndKeepsNumbersNumbers) {
    const std::string item(40, 'x');
    const auto text = write_unit({{},
                                  {{"command", list_node({item, item, item}), {}},
                                   {"restart.factor", number_node(2), {}}}})
                          .text;
    EXPECT_NE(text.find("command = [\n    \""), std::string::npos);
    EXPECT_NE(text.find("factor = 2.0\n"), std::string::npos);
    EXPECT_EQ(reread(text).find("command")->value.items.size(), 3U);
}

} // namespace

} // namespace stead::unitfile::test
