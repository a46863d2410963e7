#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "keep/lines.h"

namespace stead::keep {
namespace {

struct Piece {
    std::string text;
    bool continued;

    friend bool operator==(const Piece&, const Piece&) = default;
};

void PrintTo(const Piece& piece, std::ostream* out) {
    *out << '"' << piece.text << '"' << (piece.continued ? "+" : "");
}

class Lines : public ::testing::Test {
protected:
    void feed(std::string_view bytes) {
        splitter.feed(bytes, *pool, [&](std::string_view text, bool continued) {
            pieces.push_back({std::string(text), continued});
        });
    }

    void finish() {
        splitter.finish(*pool, [&](std::string_view text, bool continued) {
            pieces.push_back({std::string(text), continued});
        });
    }

    std::unique_ptr<LinePool::Memory> memory = std::make_unique<LinePool::Memory>();
    std::unique_ptr<LinePool> pool = std::make_unique<LinePool>(*memory);
    LineSplitter splitter;
    std::vector<Piece> pieces;
};

TEST_F(Lines, ComeOutOnePerNewline) {
    feed("one\ntwo\n\nfour\n");
    EXPECT_EQ(pieces,
              (std::vector<Piece>{{"one", false}, {"two", false}, {"", false}, {"four", false}}));
}

TEST_F(Lines, AreHeldUntilTheirNewlineCame) {
    feed("be");
    feed("gin");
    EXPECT_TRUE(pieces.empty());
    feed("ning\nnext");
    EXPECT_EQ(pieces, (std::vector<Piece>{{"beginning", false}}));
    finish();
    EXPECT_EQ(pieces.back(), (Piece{"next", false}));
}

TEST_F(Lines, LoseTheCarriageReturnOfATerminal) {
    feed("a\r\nb");
    feed("\r\n");
    EXPECT_EQ(pieces, (std::vector<Piece>{{"a", false}, {"b", false}}));
}

TEST_F(Lines, ThatAreTooLongComeInMarkedPiecesAndLoseNothing) {
    const std::string line(3 * kMaxLine + 7, 'x');
    feed(line + "\n");
    ASSERT_EQ(pieces.size(), 4U);
    std::string joined;
    for (const Piece& piece : pieces) {
        joined += piece.text;
        EXPECT_LE(piece.text.size(), kMaxLine);
    }
    EXPECT_EQ(joined, line);
    EXPECT_TRUE(pieces[0].continued);
    EXPECT_FALSE(pieces[3].continued);
}

TEST_F(Lines, AreNeverCutInsideACharacter) {
    std::string line;
    while (line.size() < 2 * kMaxLine)
        line += "a\xe2\x82\xac"; // the euro sign
    feed(line + "\n");
    std::string joined;
    for (const Piece& piece : pieces) {
        EXPECT_NE(static_cast<unsigned char>(piece.text.front()) & 0xc0U, 0x80U);
        joined += piece.text;
    }
    EXPECT_EQ(joined, line);
}

TEST_F(Lines, GoOnInPiecesWhenNoMemoryIsLeft) {
    for (std::size_t block = 0; block < kLineBlocks; ++block)
        EXPECT_NE(pool->take(), LinePool::kNone);
    feed("half");
    feed(" and half\n");
    EXPECT_EQ(pieces, (std::vector<Piece>{{"half", true}, {" and half", false}}));
}

TEST_F(Lines, GiveTheirMemoryBack) {
    for (int round = 0; round < 1000; ++round)
        feed("unfinished"), feed(" line\n");
    const std::uint16_t first = pool->take();
    EXPECT_EQ(first, 0);
}

TEST_F(Lines, SurviveAnyBytesInAnyPortions) {
    std::mt19937 random(7);
    std::string all;
    for (int round = 0; round < 2000; ++round) {
        std::string part(random() % 700, '\0');
        for (char& letter : part)
            letter = random() % 50 == 0 ? '\n' : static_cast<char>(random() % 255 + 1);
        std::erase(part, '\r');
        all += part;
        feed(part);
    }
    finish();
    std::string joined;
    for (const Piece& piece : pieces)
        joined += piece.text + (piece.continued ? "" : "\n");
    if (!all.ends_with('\n')) all += '\n';
    EXPECT_EQ(joined, all);
}

std::string escaped(std::string_view text) {
    std::string into(4 * text.size() + 1, '\0');
    into.resize(escape_into(into, text));
    return into;
}

TEST(Escape, LetsNoControlCharacterThrough) {
    EXPECT_EQ(escaped("plain\ttext"), "plain\ttext");
    EXPECT_EQ(escaped("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
    EXPECT_EQ(escaped("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
    // C1 control sequence introducer, an overlong slash, a cut character, right-to-left override.
    EXPECT_EQ(escaped("\xc2\x9b"), "\\xc2\\x9b");
    EXPECT_EQ(escaped("\xc0\xaf"), "\\xc0\\xaf");
    EXPECT_EQ(escaped("\xe2\x82"), "\\xe2\\x82");
    EXPECT_EQ(escaped("\xe2\x80\xae"), "\\xe2\\x80\\xae");
}

} // namespace
} // namespace stead::keep
