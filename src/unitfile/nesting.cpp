#include "unitfile/nesting.h"

namespace stead::unitfile {

namespace {

/// Walks TOML text character by character and steps over strings and comments as wholes.
class Scanner {
public:
    explicit Scanner(std::string_view text)
        : text_(text) {}

    [[nodiscard]] bool at_end() const { return next_ >= text_.size(); }

    [[nodiscard]] Position position() const { return position_; }

    char take() {
        const char c = text_[next_++];
        if (c == '\n') {
            ++position_.line;
            position_.column = 1;
        } else if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) {
            ++position_.column;
        }
        return c;
    }

    void skip_comment() {
        while (!at_end() && text_[next_] != '\n')
            (void)take();
    }

    /// Steps over the rest of a string whose first quote has been taken.
    void skip_string(char quote) {
        const bool basic = quote == '"';
        if (!starts_with(quote, 2)) return skip_line_string(quote, basic);
        (void)take();
        (void)take();
        while (!at_end() && !(starts_with(quote, 3))) {
            if (take() == '\\' && basic && !at_end()) (void)take();
        }
        // Up to two quotes may stand before the closing three.
        for (int quotes = 0; quotes < 5 && starts_with(quote, 1); ++quotes)
            (void)take();
    }

private:
    void skip_line_string(char quote, bool basic) {
        // An empty string: its closing quote is next, and no third one follows.
        while (!at_end() && text_[next_] != '\n') {
            const char c = take();
            if (c == quote) return;
            if (c == '\\' && basic && !at_end()) (void)take();
        }
    }

    [[nodiscard]] bool starts_with(char quote, std::size_t count) const {
        for (std::size_t i = 0; i < count; ++i) {
            if (next_ + i >= text_.size() || text_[next_ + i] != quote) return false;
        }
        return true;
    }

    std::string_view text_;
    std::size_t next_ = 0;
    Position position_{1, 1};
};

} // namespace

std::optional<Position> find_deep_nesting(std::string_view text, std::size_t limit) {
    Scanner scanner(text);
    std::size_t brackets = 0;
    std::size_t dots = 0;
    while (!scanner.at_end()) {
        const Position at = scanner.position();
        const char c = scanner.take();
        switch (c) {
        case '#':
            scanner.skip_comment();
            break;
        case '"':
        case '\'':
            scanner.skip_string(c);
            break;
        case '[':
        case '{':
            ++brackets;
            dots = 0;
            break;
        case ']':
        case '}':
            if (brackets != 0) --brackets;
            dots = 0;
            break;
        case '.':
            ++dots;
            break;
        case '\n':
        case '=':
        case ',':
            dots = 0;
            break;
        default:
            break;
        }
        if (brackets > limit || dots >= limit) return at;
    }
    return std::nullopt;
}

} // namespace stead::unitfile
