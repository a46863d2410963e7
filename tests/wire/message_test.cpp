#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/message.h"

namespace stead::wire {
namespace {

using Buffer = std::array<std::byte, kMaxMessage>;

std::vector<std::byte> copy(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> sample() {
    Buffer buffer;
    Writer writer(buffer, Kind::Exec);
    writer.text(Tag::Name, "web")
        .text(Tag::Argv, "sh")
        .text(Tag::Argv, "-c")
        .text(Tag::Argv, "")
        .number(Tag::Uid, -1)
        .text(Tag::Text, std::string_view("a\0b", 3));
    EXPECT_FALSE(writer.overflowed());
    return copy(writer.bytes());
}

/// Reads all of a record in every way; how many fields it had, or -1 if it is no message.
int look_at(std::span<const std::byte> record) {
    auto reader = Reader::open(record);
    if (!reader) return -1;
    int fields = 0;
    std::size_t bytes = 0;
    while (const auto field = reader->next()) {
        ++fields;
        bytes += field->text().size() + static_cast<std::size_t>(field->number().value_or(0) & 1);
        EXPECT_TRUE(reader->find(field->tag));
    }
    EXPECT_LE(bytes, record.size() + static_cast<std::size_t>(fields));
    return fields;
}

TEST(Message, ComesBackAsItWasWritten) {
    const auto record = sample();
    auto reader = Reader::open(record);
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->kind(), Kind::Exec);
    EXPECT_EQ(reader->text(Tag::Name), "web");
    EXPECT_EQ(reader->number(Tag::Uid), -1);
    EXPECT_EQ(reader->text(Tag::Text), std::string_view("a\0b", 3));
    std::vector<std::string> argv;
    while (const auto field = reader->next()) {
        if (field->tag == Tag::Argv) argv.emplace_back(field->text());
    }
    EXPECT_EQ(argv, (std::vector<std::string>{"sh", "-c", ""}));
}

TEST(Message, AnswersForFieldsItDoesNotHave) {
    const auto record = sample();
    const auto reader = Reader::open(record);
    ASSERT_TRUE(reader);
    EXPECT_FALSE(reader->find(Tag::Pid));
    EXPECT_EQ(reader->text(Tag::Pid), "");
    EXPECT_EQ(reader->number(Tag::Pid, 7), 7);
    EXPECT_EQ(reader->number(Tag::Name, 7), 7) << "a text is no number";
}

TEST(Message, FindsAFieldWhereverNextStands) {
    const auto record = sample();
    auto reader = Reader::open(record);
    ASSERT_TRUE(reader);
    while (reader->next()) {
    }
    EXPECT_EQ(reader->text(Tag::Name), "web");
    EXPECT_FALSE(reader->next());
}

TEST(Message, RoundTripsRandomFields) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::mt19937_64 random(seed);
        Buffer buffer;
        Writer writer(buffer, Kind::Unit);
        std::vector<std::pair<Tag, std::string>> written;
        for (std::uint64_t more = random() % 20; more > 0; --more) {
            const auto tag = static_cast<Tag>(random() % 60);
            std::string value(random() % 40, static_cast<char>(random() % 256));
            writer.text(tag, value);
            written.emplace_back(tag, value);
        }
        const auto record = copy(writer.bytes());
        auto reader = Reader::open(record);
        ASSERT_TRUE(reader) << seed;
        for (const auto& [tag, value] : written) {
            const auto field = reader->next();
            ASSERT_TRUE(field) << seed;
            EXPECT_EQ(field->tag, tag);
            EXPECT_EQ(field->text(), value);
        }
        EXPECT_FALSE(reader->next());
    }
}

TEST(Message, LeavesOutWholeWhatDoesNotFit) {
    std::array<std::byte, 40> small;
    Writer writer(small, Kind::Status);
    writer.text(Tag::Name, "twelve bytes").text(Tag::Text, "too long").number(Tag::Pid, 1);
    EXPECT_TRUE(writer.overflowed());
    const auto record = copy(writer.bytes());
    const auto reader = Reader::open(record);
    ASSERT_TRUE(reader);
    EXPECT_EQ(reader->text(Tag::Name), "twelve bytes");
    EXPECT_FALSE(reader->find(Tag::Text));
}

TEST(Message, FillsTheLargestMessageExactly) {
    Buffer buffer;
    Writer writer(buffer, Kind::LogText);
    writer.text(Tag::Text, std::string(kMaxMessage - sizeof(Header) - 4, 'x'));
    EXPECT_FALSE(writer.overflowed());
    EXPECT_EQ(writer.bytes().size(), kMaxMessage);
    EXPECT_TRUE(Reader::open(writer.bytes()));
    writer.text(Tag::Name, "");
    EXPECT_TRUE(writer.overflowed());
}

TEST(Message, WritesNothingWhereNotEvenItsHeaderFits) {
    std::array<std::byte, 15> tiny;
    Writer writer(tiny, Kind::Ping);
    writer.text(Tag::Name, "x");
    EXPECT_TRUE(writer.overflowed());
    EXPECT_TRUE(writer.bytes().empty());
}

TEST(Message, IsRefusedAtEveryTruncation) {
    const auto record = sample();
    for (std::size_t size = 0; size < record.size(); ++size) {
        // A copy of exactly this size, so that the sanitizers see a read beyond it.
        const auto cut = copy(std::span(record).first(size));
        EXPECT_EQ(look_at(cut), -1) << size;
    }
}

TEST(Message, IsRefusedWhenATruncationCorrectsTheSize) {
    const auto record = sample();
    int opened = 0;
    for (std::size_t size = sizeof(Header); size < record.size(); ++size) {
        auto cut = copy(std::span(record).first(size));
        const auto claimed = static_cast<std::uint32_t>(size - sizeof(Header));
        std::memcpy(cut.data() + offsetof(Header, size), &claimed, sizeof claimed);
        if (look_at(cut) >= 0) ++opened;
    }
    // Only where a field ends is what is left a message of fewer fields: 0 to 5 of the 6.
    EXPECT_EQ(opened, 6);
}

TEST(Message, SurvivesEveryForgedLength) {
    const auto good = sample();
    for (std::size_t at = sizeof(Header) + 2; at + 2 <= good.size(); at += 2) {
        for (const unsigned wanted : {0U, 1U, 3U, 4U, 5U, 8U, 100U, 0x7fffU, 0xfffcU, 0xffffU}) {
            const auto length = static_cast<std::uint16_t>(wanted);
            auto forged = good;
            std::memcpy(forged.data() + at, &length, sizeof length);
            EXPECT_LE(look_at(forged), static_cast<int>(forged.size() / 4));
        }
    }
}

TEST(Message, SurvivesRandomBytes) {
    for (std::uint64_t seed = 0; seed < 5000; ++seed) {
        std::mt19937_64 random(seed);
        auto record = sample();
        for (std::uint64_t changes = 1 + random() % 8; changes > 0; --changes) {
            record[random() % record.size()] = static_cast<std::byte>(random());
        }
        EXPECT_LE(look_at(record), static_cast<int>(record.size() / 4));
    }
}

TEST(Message, IsRefusedWithAnotherMagicOrVersion) {
    for (const std::size_t at : {offsetof(Header, magic), offsetof(Header, version),
                                 offsetof(Header, size), offsetof(Header, reserved)}) {
        auto record = sample();
        record[at] ^= std::byte{1};
        EXPECT_EQ(look_at(record), -1) << at;
    }
}

TEST(Message, IsRefusedWhenLargerThanAnyMessage) {
    std::vector<std::byte> record(kMaxMessage + 4);
    const Header header{.kind = Kind::Ping,
                        .size = static_cast<std::uint32_t>(record.size() - sizeof(Header))};
    std::memcpy(record.data(), &header, sizeof header);
    EXPECT_FALSE(Reader::open(record));
}

} // namespace
} // namespace stead::wire
