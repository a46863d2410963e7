#include "cli/svg_text.h"

namespace stead::cli {

std::string xml(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char letter = text[i];
        switch (letter) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '"':
            result += "&quot;";
            break;
        case '\t':
        case '\n':
            result += letter;
            break;
        default:
            // U+FFFE and U+FFFF are UTF-8 and no characters.
            if (text.substr(i, 3) == "\xef\xbf\xbe" || text.substr(i, 3) == "\xef\xbf\xbf") {
                i += 2;
                break;
            }
            if (static_cast<unsigned char>(letter) >= ' ') result += letter;
        }
    }
    return result;
}

} // namespace stead::cli
