#include "cli/short_text.h"

#include <algorithm>
#include <array>

namespace stead::cli {

namespace {

bool continues(char letter) {
    return (static_cast<unsigned char>(letter) & 0xc0U) == 0x80;
}

} // namespace

std::size_t columns(std::string_view text) {
    return text.size() -
           static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues));
}

std::string shorten(std::string_view text, std::size_t longest) {
    if (columns(text) <= longest) return std::string(text);
    std::size_t end = 0;
    std::size_t letters = 0;
    while (end < text.size() && (continues(text[end]) || letters + 1 < longest)) {
        if (!continues(text[end])) ++letters;
        ++end;
    }
    return std::string(text.substr(0, end)) + "…";
}

std::string fitted(std::string_view text, std::size_t width, bool right) {
    if (width == 0) return {};
    std::string cut = shorten(text, width);
    const std::string blanks(width - std::min(width, columns(cut)), ' ');
    return right ? blanks + cut : cut + blanks;
}

std::string size_words(std::int64_t bytes) {
    constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    std::int64_t tenths = std::max<std::int64_t>(bytes, 0);
    if (tenths < 1024) return std::to_string(tenths) + " B";
    tenths = tenths > (std::int64_t{1} << 58U) ? tenths : tenths * 10;
    while (tenths >= 10240 && unit + 1 < kUnits.size()) {
        tenths /= 1024;
        ++unit;
    }
    std::string text = std::to_string(tenths / 10);
    if (tenths < 1000) text.append(".").append(std::to_string(tenths % 10));
    return text.append(" ").append(kUnits[unit]);
}

} // namespace stead::cli
