#include "images/tar_text.h"

#include <algorithm>
#include <cstdio>

namespace stead::images {

namespace {

constexpr std::size_t kRecord = 512;

void put(std::string& header, std::size_t at, std::size_t size, std::string_view text) {
    std::copy_n(text.begin(), std::min(size, text.size()),
                header.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string octal(std::uint64_t number, int digits) {
    char text[32];
    (void)std::snprintf(text, sizeof text, "%0*llo", digits,
                        static_cast<unsigned long long>(number));
    return text;
}

} // namespace

TarText& TarText::add(const Member& member) {
    std::string header(kRecord, '\0');
    put(header, 0, 100, member.name);
    put(header, 100, 8, octal(member.mode, 7));
    put(header, 108, 8, octal(member.uid, 7));
    put(header, 116, 8, octal(member.uid, 7));
    put(header, 124, 12, octal(member.size != 0 ? member.size : member.content.size(), 11));
    put(header, 136, 12, octal(1'600'000'000, 11));
    put(header, 148, 8, "        ");
    header[156] = member.type;
    put(header, 157, 100, member.target);
    put(header, 257, 8, std::string("ustar\00000", 8));
    unsigned sum = 0;
    for (const char c : header)
        sum += static_cast<unsigned char>(c);
    put(header, 148, 8, octal(sum, 6) + '\0');
    text_ += header + member.content;
    text_.resize((text_.size() + kRecord - 1) / kRecord * kRecord);
    return *this;
}

TarText& TarText::extended(const std::string& key, const std::string& value) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t size = rest.size() + 1;
    while (std::to_string(size).size() + rest.size() != size)
        ++size;
    return add({"pax", 'x', std::to_string(size) + rest, {}, 0644, 0, 0});
}

} // namespace stead::images
