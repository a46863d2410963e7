#include <gtest/gtest.h>

#include "unitfile/command_line.h"

namespace stead::unitfile {

namespace {

struct Case {
    std::string text;
    Argv argv;
};

std::string problem_of(const std::string& text) {
    const auto split = split_command(text);
    EXPECT_TRUE(split.argv.empty()) << text;
    return split.problem ? split.problem->message : "";
}

} // namespace

TEST(SplitCommand, FollowsTheQuotingRules) {
    const std::vector<Case> cases{
        {"", {}},
        {" \t\n ", {}},
        {"a", {"a"}},
        {"  a  b\tc\nd ", {"a", "b", "c", "d"}},
        {"nginx -g 'daemon off;'", {"nginx", "-g", "daemon off;"}},
        {"a ''", {"a", ""}},
        {"a \"\" b", {"a", "", "b"}},
        {"a'b'\"c\"d", {"abcd"}},
        {"'a\\b'", {"a\\b"}},
        {R"("a\"b\\c\d")", {R"(a"b\c\d)"}},
        {R"(a\ b \'c \\)", {"a b", "'c", "\\"}},
        {"'a|b&c;d<e>f`g$HOME'", {"a|b&c;d<e>f`g$HOME"}},
        {R"(a \| \$HOME)", {"a", "|", "$HOME"}},
        {"a ${HOME} $ 5$ $5", {"a", "${HOME}", "$", "5$", "$5"}},
        {"a=*?[b]~#!", {"a=*?[b]~#!"}},
        {"\"a\nb\"", {"a\nb"}},
    };
    for (const Case& example : cases) {
        const auto split = split_command(example.text);
        EXPECT_FALSE(split.problem.has_value()) << example.text;
        EXPECT_EQ(split.argv, example.argv) << example.text;
    }
}

TEST(SplitCommand, PointsAtWhatOnlyAShellWouldUnderstand) {
    for (const std::string text :
         {"a | b", "a & b", "a; b", "a < b", "a > b", "a `b`", "a $HOME/x", "a $(b)", "a x$_"}) {
        EXPECT_NE(problem_of(text).find("a shell only"), std::string::npos) << text;
    }
    EXPECT_EQ(split_command("ab | c").problem->offset, 3U);
}

TEST(SplitCommand, LeavesTheWordsOfALoneVariableToWhoeverKnowsIt) {
    const auto split = split_command("a $OPTIONS '$OPTIONS' $_");
    EXPECT_FALSE(split.problem.has_value());
    EXPECT_EQ(split.argv, (Argv{"a", "OPTIONS", "$OPTIONS", "_"}));
    EXPECT_EQ(split.splices, (std::vector<std::size_t>{1, 3}));
}

TEST(SplitCommand, RefusesWhatIsNeverClosed) {
    EXPECT_EQ(problem_of("a 'b"), "the quote that opens here is never closed");
    EXPECT_EQ(problem_of("a \"b\\\""), "the quote that opens here is never closed");
    EXPECT_EQ(split_command("a 'b' \"c").problem->offset, 6U);
    EXPECT_EQ(problem_of("a \\"), "a backslash at the end keeps nothing");
}

TEST(Expand, ReplacesInstanceUnitAndVariables) {
    const std::map<std::string, std::string> environment{{"A", "x y"}, {"B", "${A}%n"}};
    const Scope scope{"worker@1", "1", &environment};
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", ""},
        {"plain", "plain"},
        {"%i/%n/%%", "1/worker@1/%"},
        {"%%i", "%i"},
        {"${A}", "x y"},
        {"<${A}>", "<x y>"},
        // Once only: what a variable holds is text.
        {"${B}", "${A}%n"},
        {"$${A}", "${A}"},
        {"$A $ $$ ${} ${A ${a-b} ${1}", "$A $ $$ ${} ${A ${a-b} ${1}"},
    };
    for (const auto& [text, wanted] : cases) {
        const auto expanded = expand(text, scope);
        EXPECT_FALSE(expanded.problem.has_value()) << text;
        EXPECT_EQ(expanded.text, wanted);
    }
}

TEST(Expand, RefusesWhatStandsForNothing) {
    const std::map<std::string, std::string> environment;
    const Scope scope{"web", "", &environment};
    EXPECT_EQ(expand("a %x", scope).problem->offset, 2U);
    EXPECT_TRUE(expand("100%", scope).problem.has_value());
    EXPECT_NE(expand("%i", scope).problem->message.find("NAME@INSTANCE"), std::string::npos);
    EXPECT_NE(expand("${HOME}", scope).problem->message.find("$${HOME}"), std::string::npos);
}

TEST(Expand, LeavesVariablesAloneInTheEnvironmentItself) {
    EXPECT_EQ(expand("${A} %n", Scope{"web", "", nullptr}).text, "${A} web");
}

} // namespace stead::unitfile
