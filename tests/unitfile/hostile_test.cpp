#include <filesystem>
#include <random>
#include <vector>

#include "unitfile/support.h"

namespace stead::unitfile {

namespace {

/// Reads `text` as both kinds of file and draws every message. A wrong file must have one. Whether
/// it is a unit.
bool feed(const std::string& text) {
    (void)kind_of(text);
    Diagnostics units;
    const bool unit = read_unit(text, "a.toml", "a", units).has_value();
    EXPECT_NE(unit, units.has_errors());
    (void)render(units);
    Diagnostics guests;
    const bool guest = read_guest(text, "a.toml", "a", guests).has_value();
    EXPECT_NE(guest, guests.has_errors());
    (void)render(guests);
    return unit;
}

std::string repeated(std::string_view part, std::size_t count) {
    std::string out;
    out.reserve(part.size() * count);
    for (std::size_t i = 0; i < count; ++i)
        out += part;
    return out;
}

/// Large text takes its time: one reader shows as much as two.
void refuse(const std::string& text) {
    Diagnostics diagnostics;
    EXPECT_FALSE(read_unit(text, "a.toml", "a", diagnostics).has_value());
    EXPECT_FALSE(render(diagnostics).empty());
}

/// Everything under tests/data/units, wrong and right.
std::vector<std::string> corpus() {
    std::vector<std::string> texts;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(STEAD_TEST_DATA) + "/units")) {
        if (entry.path().extension() == ".toml") texts.push_back(test::bytes_of(entry.path()));
    }
    return texts;
}

} // namespace

TEST(HostileText, OfRandomBytesIsRefused) {
    std::mt19937 random(1); // NOLINT(bugprone-random-generator-seed): replayable
    for (int round = 0; round < 1000; ++round) {
        std::string text(random() % 200, '\0');
        for (char& c : text)
            c = static_cast<char>(random() % 256);
        EXPECT_FALSE(feed(text)) << round;
    }
}

TEST(HostileText, OfTomlPiecesIsSurvived) {
    constexpr std::array<std::string_view, 32> kPieces{
        "command", "user",   "[",      "]",   "{",          "}",     "=",   ".",
        ",",       "\"",     "'",      "\n",  "#",          "\\",    "1",   "-",
        "restart", "limits", "\"\"\"", "'''", "unit",       "ready", "tcp", "true",
        "nan",     "%i",     "${A}",   "x-y", "memory-max", "...",   "[[",  " "};
    std::mt19937 random(2); // NOLINT(bugprone-random-generator-seed): replayable
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (std::size_t i = random() % 40; i > 0; --i)
            text += kPieces[random() % kPieces.size()];
        (void)feed(text);
    }
}

TEST(HostileText, OfDamagedFilesIsSurvived) {
    const auto texts = corpus();
    ASSERT_GT(texts.size(), 60U);
    std::mt19937 random(3); // NOLINT(bugprone-random-generator-seed): replayable
    for (int round = 0; round < 1500; ++round) {
        std::string text = texts[random() % texts.size()];
        for (std::size_t i = 1 + random() % 4; i > 0 && !text.empty(); --i) {
            const std::size_t at = random() % text.size();
            switch (random() % 4) {
            case 0:
                text[at] = static_cast<char>(random() % 256);
                break;
            case 1:
                text.erase(at, random() % 8);
                break;
            case 2:
                text.insert(at, texts[random() % texts.size()].substr(0, random() % 32));
                break;
            default:
                text.resize(at);
            }
        }
        (void)feed(text);
    }
}

TEST(HostileText, CannotOverflowTheStack) {
    refuse("a = " + repeated("[", 100'000));
    refuse("a = " + repeated("[", 100'000) + repeated("]", 100'000));
    refuse("a = " + repeated("{a=", 100'000));
    refuse(repeated("a.", 100'000) + "a = 1");
    refuse("[" + repeated("a.", 100'000) + "a]");
    refuse("a = {" + repeated("a.", 100'000) + "a = 1}");
    refuse(repeated("[[a.b]]\n", 20'000));
}

TEST(HostileText, OfAMegabyteIsReadInTime) {
    refuse(repeated("a", kMaxFileSize));
    refuse("usr = 1\ncommand = \"" + repeated("a ", 100'000) + "\"");
    refuse("command = \"/bin/true\"\nrequires = [" + repeated("\"a\",", 50'000) + "]");
    std::string keys;
    for (int i = 0; i < 20'000; ++i)
        keys += "a" + std::to_string(i) + " = 1\n";
    refuse(keys);
    std::string variables = "usr = 1\ncommand = \"/bin/true\"\nenvironment = {";
    for (int i = 0; i < 20'000; ++i)
        variables += "A" + std::to_string(i) + " = '',";
    variables.back() = '}';
    refuse(variables);
}

} // namespace stead::unitfile
