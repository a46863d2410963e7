#include "unitfile/environment_file.h"
#include "unitfile/support.h"

namespace stead::unitfile {

namespace {

using Variables = std::map<std::string, std::string>;

Variables read(const std::string& text) {
    Variables variables;
    Diagnostics diagnostics;
    EXPECT_TRUE(read_environment_text(text, "app", variables, diagnostics));
    EXPECT_EQ(render(diagnostics), "");
    return variables;
}

std::string refused(const std::string& text) {
    Variables variables;
    Diagnostics diagnostics;
    EXPECT_FALSE(read_environment_text(text, "app", variables, diagnostics)) << text;
    return diagnostics.empty() ? "" : render(diagnostics.all().front().place);
}

} // namespace

TEST(EnvironmentFile, ReadsWhatDistributionsWrite) {
    EXPECT_EQ(read("# comment\n\n; another\nA=1\nexport B=two words  \nC='#\"x'\n"
                   "D=\"a \\\"b\\\" $x\"\nE=\nF=a'b'\"c\"\n  G=7\n"),
              (Variables{{"A", "1"},
                         {"B", "two words"},
                         {"C", "#\"x"},
                         {"D", "a \"b\" $x"},
                         {"E", ""},
                         {"F", "abc"},
                         {"G", "7"}}));
}

TEST(EnvironmentFile, KeepsQuotesBlanksAndLineEnds) {
    EXPECT_EQ(read("A='  x  '\nB=x\\ \nC=\"a\nb\"\nD=a\\\nb\nA=2\n"),
              (Variables{{"A", "2"}, {"B", "x "}, {"C", "a\nb"}, {"D", "ab"}}));
    EXPECT_EQ(read("\xef\xbb\xbf"
                   "A=1\r\nB=\"2\"\r\n# x\r\n"),
              (Variables{{"A", "1"}, {"B", "2"}}));
}

TEST(EnvironmentFile, RefusesWhatIsNone) {
    EXPECT_EQ(refused("A=1\nnonsense\n"), "app:2");
    EXPECT_EQ(refused("A=1\n\n1A=2\n"), "app:3");
    EXPECT_EQ(refused("A=\"open\n\n"), "app:1");
    EXPECT_EQ(refused(std::string("A=x\0y\n", 6)), "app:1");
    EXPECT_EQ(refused("A=" + std::string(200'000, 'x')), "app:1");
}

} // namespace stead::unitfile
