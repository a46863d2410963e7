#include "wire/message.h"

#include <cstring>

namespace stead::wire {

namespace {

struct FieldHeader {
    Tag tag{};
    std::uint16_t size = 0;
};

static_assert(sizeof(FieldHeader) == 4);

constexpr std::size_t padded(std::size_t size) {
    return (size + 3) & ~std::size_t{3};
}

} // namespace

Writer::Writer(std::span<std::byte> buffer, Kind kind)
    : buffer_(buffer.first(buffer.size() < kMaxMessage ? buffer.size() : kMaxMessage)) {
    if (buffer_.size() < sizeof(Header)) {
        overflowed_ = true;
        used_ = 0;
        return;
    }
    const Header header{.kind = kind};
    std::memcpy(buffer_.data(), &header, sizeof header);
}

std::byte* Writer::reserve(Tag tag, std::size_t size) {
    if (overflowed_) return nullptr;
    if (size > 0xffff || buffer_.size() - used_ < sizeof(FieldHeader) + padded(size)) {
        overflowed_ = true;
        return nullptr;
    }
    const FieldHeader field{tag, static_cast<std::uint16_t>(size)};
    std::byte* at = buffer_.data() + used_;
    std::memcpy(at, &field, sizeof field);
    at += sizeof field;
    if (padded(size) != size) std::memset(at + size, 0, padded(size) - size);
    used_ += sizeof field + padded(size);
    return at;
}

Writer& Writer::text(Tag tag, std::string_view value) {
    std::byte* at = reserve(tag, value.size());
    if (at != nullptr && !value.empty()) std::memcpy(at, value.data(), value.size());
    return *this;
}

Writer& Writer::number(Tag tag, std::int64_t value) {
    std::byte* at = reserve(tag, sizeof value);
    if (at != nullptr) std::memcpy(at, &value, sizeof value);
    return *this;
}

std::span<const std::byte> Writer::bytes() {
    if (used_ < sizeof(Header)) return {};
    const auto size = static_cast<std::uint32_t>(used_ - sizeof(Header));
    std::memcpy(buffer_.data() + offsetof(Header, size), &size, sizeof size);
    return buffer_.first(used_);
}

std::string_view Field::text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::int64_t> Field::number() const {
    std::int64_t value = 0;
    if (bytes.size() != sizeof value) return std::nullopt;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::size_t message_size(std::span<const std::byte> record) {
    Header header;
    if (record.size() < sizeof header) return 0;
    std::memcpy(&header, record.data(), sizeof header);
    return header.magic == kMagic ? sizeof header + header.size : 0;
}

std::optional<Reader> Reader::open(std::span<const std::byte> record) {
    Header header;
    if (record.size() < sizeof header || record.size() > kMaxMessage) return std::nullopt;
    std::memcpy(&header, record.data(), sizeof header);
    if (header.magic != kMagic || header.version != kVersion) return std::nullopt;
    if (header.reserved != 0) return std::nullopt;
    if (header.size != record.size() - sizeof header) return std::nullopt;

    // One walk over the fields now, so that no later reader meets a length that does not add up.
    Reader reader(record.subspan(sizeof header), header.kind);
    while (reader.next()) {
    }
    if (reader.at_ != reader.fields_.size()) return std::nullopt;
    reader.at_ = 0;
    return reader;
}

std::optional<Field> Reader::next() {
    FieldHeader header;
    const std::size_t left = fields_.size() - at_;
    if (left < sizeof header) return std::nullopt;
    std::memcpy(&header, fields_.data() + at_, sizeof header);
    if (left - sizeof header < padded(header.size)) return std::nullopt;
    const Field field{header.tag, fields_.subspan(at_ + sizeof header, header.size)};
    at_ += sizeof header + padded(header.size);
    return field;
}

std::optional<Field> Reader::find(Tag tag) const {
    Reader from_start(fields_, kind_);
    while (const auto field = from_start.next()) {
        if (field->tag == tag) return field;
    }
    return std::nullopt;
}

std::string_view Reader::text(Tag tag) const {
    const auto field = find(tag);
    return field ? field->text() : std::string_view{};
}

std::int64_t Reader::number(Tag tag, std::int64_t otherwise) const {
    const auto field = find(tag);
    return field ? field->number().value_or(otherwise) : otherwise;
}

} // namespace stead::wire
