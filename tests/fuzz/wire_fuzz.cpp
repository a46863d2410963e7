#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "wire/message.h"

/// Whatever bytes come over a socket: `open` refuses them, or every field lies inside them and the
/// same fields written again make the same message.
namespace {

using namespace stead::wire;

void promise(bool kept, const char* what) {
    if (kept) return;
    std::cerr << "broken promise: " << what << '\n';
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span record(reinterpret_cast<const std::byte*>(data), size);
    auto reader = Reader::open(record);
    if (!reader) return 0;

    static std::array<std::byte, kMaxMessage> buffer;
    Writer writer(buffer, reader->kind());
    std::size_t fields = 0;
    while (const auto field = reader->next()) {
        ++fields;
        const auto text = field->text();
        promise(text.empty() || (field->bytes.data() >= record.data() &&
                                 field->bytes.data() + text.size() <= record.data() + size),
                "a field lies inside its record");
        promise(reader->find(field->tag).has_value(), "what is there is found");
        (void)field->number();
        writer.text(field->tag, text);
    }
    promise(!writer.overflowed(), "what was read fits again");

    auto again = Reader::open(writer.bytes());
    promise(again.has_value() && again->kind() == reader->kind(), "what was written opens");
    auto first = Reader::open(record);
    while (const auto field = first->next()) {
        const auto other = again->next();
        promise(other && other->tag == field->tag && other->text() == field->text(),
                "fields come back the same");
    }
    promise(!again->next(), "no field is added");
    promise(fields <= size / 4, "no more fields than bytes can hold");
    return 0;
}
