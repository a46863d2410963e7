#include <string>

#include "compile/fixture.h"
#include "compile/score.h"

namespace stead::compile {
namespace {

Score score_of(const std::string& text) {
    const auto outcome = test::guest(text);
    EXPECT_TRUE(outcome.guest.has_value()) << outcome.messages;
    return outcome.guest ? score(*outcome.guest) : Score{kWorst, {}};
}

const Finding* find(const Score& score, const std::string& part) {
    for (const Finding& finding : score.findings)
        if (finding.text.find(part) != std::string::npos) return &finding;
    return nullptr;
}

constexpr const char* kSystem = "root = \"/srv/root\"\n";
constexpr const char* kJail = "profile = \"jail\"\n[unit.a]\ncommand = \"redis-server\"\n";

TEST(Score, CallsTheDefaultsTight) {
    EXPECT_EQ(score_of(kSystem).grade(), "tight") << score_of(kSystem).tenths;
    EXPECT_EQ(score_of(kJail).grade(), "tight") << score_of(kJail).tenths;
}

TEST(Score, IsTheSumOfWhatItFindsWeightiestFirst) {
    const Score score = score_of(std::string("users = \"host\"\n") + kSystem);
    int sum = 0;
    int last = kWorst;
    for (const Finding& finding : score.findings) {
        EXPECT_GT(finding.tenths, 0) << finding.text;
        EXPECT_LE(finding.tenths, last) << finding.text;
        EXPECT_FALSE(finding.advice.empty()) << finding.text;
        last = finding.tenths;
        sum += finding.tenths;
    }
    EXPECT_EQ(score.tenths, sum);
    EXPECT_EQ(score.findings.front().text, "root inside is the host's uid 0");
    EXPECT_EQ(score.findings.front().origin, "web.toml:1");
}

TEST(Score, GrowsWithEverythingThatIsOpened) {
    const int plain = score_of(kSystem).tenths;
    for (const char* line : {"users = \"host\"\n", "capabilities = [\"...\", \"SYS_PTRACE\"]\n",
                             "system-calls = [\"...\", \"bpf\"]\n", "network.mode = \"host\"\n",
                             "bind = [\"/srv/shop:/srv/shop\"]\n"})
        EXPECT_GT(score_of(std::string(line) + kSystem).tenths, plain) << line;
}

TEST(Score, ShrinksWithEverythingThatIsClosed) {
    const int plain = score_of(kSystem).tenths;
    EXPECT_LT(score_of(std::string(kSystem) + "[limits]\nmemory-max = \"1G\"\n").tenths, plain);
    EXPECT_LT(score_of(std::string(kSystem) + "capabilities = []\n").tenths, plain);
    // Its default is a limit already.
    EXPECT_GT(score_of(std::string(kSystem) + "[limits]\npids-max = \"infinity\"\n").tenths, plain);
}

TEST(Score, CountsACapabilityOfItsOwnUserNamespaceForLess) {
    const std::string line = "capabilities = [\"...\", \"SYS_PTRACE\"]\n";
    const Score own = score_of(line + kSystem);
    const Score host = score_of("users = \"host\"\n" + line + kSystem);
    ASSERT_NE(find(own, "SYS_PTRACE"), nullptr);
    ASSERT_NE(find(host, "SYS_PTRACE"), nullptr);
    EXPECT_LT(find(own, "SYS_PTRACE")->tenths, find(host, "SYS_PTRACE")->tenths);
}

TEST(Score, EndsAtTen) {
    const Score score = score_of(
        std::string("users = \"host\"\ncapabilities = [\"...\", \"SYS_TIME\", \"NET_ADMIN\", "
                    "\"SYS_PTRACE\", \"PERFMON\"]\nsystem-calls = [\"...\", \"bpf\", "
                    "\"iopl\"]\nnetwork.mode = \"host\"\n") +
        kSystem);
    EXPECT_EQ(score.tenths, kWorst);
    EXPECT_EQ(score.grade(), "wide open");
}

} // namespace
} // namespace stead::compile
