#include "import/systemd_text.h"

#include <algorithm>
#include <array>

#include "unitfile/document.h"

namespace stead::importing {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void append_utf8(std::string& out, std::uint32_t code) {
    const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xc0U | (code >> 6U));
        byte(0x80U | (code & 0x3fU));
    } else if (code < 0x10000) {
        byte(0xe0U | (code >> 12U));
        byte(0x80U | ((code >> 6U) & 0x3fU));
        byte(0x80U | (code & 0x3fU));
    } else {
        byte(0xf0U | (code >> 18U));
        byte(0x80U | ((code >> 12U) & 0x3fU));
        byte(0x80U | ((code >> 6U) & 0x3fU));
        byte(0x80U | (code & 0x3fU));
    }
}

class WordSplitter {
public:
    explicit WordSplitter(std::string_view text)
        : text_(text) {}

    Words split() {
        while (next_ < text_.size() && result_.problem.empty()) {
            const char c = text_[next_];
            if (quote_ == '\0' && kBlanks.find(c) != std::string_view::npos) {
                finish();
                ++next_;
            } else {
                take(c);
            }
        }
        if (result_.problem.empty() && quote_ != '\0') result_.problem = "a quote is never closed";
        finish();
        return std::move(result_);
    }

private:
    void take(char c) {
        started_ = true;
        ++next_;
        if (quote_ != '\0' && c == quote_) {
            quote_ = '\0';
        } else if (quote_ == '\0' && (c == '"' || c == '\'')) {
            quote_ = c;
        } else if (c == '\\') {
            escape();
        } else {
            word_ += c;
        }
    }

    void escape() {
        if (next_ == text_.size()) {
            result_.problem = "a backslash stands at the end";
            return;
        }
        constexpr std::string_view kLetters = "abfnrtv\\\"'s";
        constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"' ";
        const char c = text_[next_];
        if (const auto at = kLetters.find(c); at != std::string_view::npos) {
            word_ += kMeanings[at];
            ++next_;
            return;
        }
        if (c == 'x') return number(2, 16, true);
        if (c == 'u') return number(4, 16, false);
        if (c == 'U') return number(8, 16, false);
        if (c >= '0' && c <= '7') {
            // Octal escapes have no letter of their own.
            --next_;
            return number(3, 8, true);
        }
        // What is no escape stays as it is, backslash included.
        word_ += '\\';
    }

    /// `digits` digits behind the letter at next_.
    void number(std::size_t digits, int base, bool is_byte) {
        std::uint32_t value = 0;
        for (std::size_t i = 1; i <= digits; ++i) {
            const int digit = next_ + i < text_.size() ? hex_digit(text_[next_ + i]) : -1;
            if (digit < 0 || digit >= base) {
                if (base == 8) ++next_;
                word_ += '\\';
                return;
            }
            value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
        }
        next_ += digits + 1;
        if (value == 0) {
            result_.problem = "an escape stands for NUL, which no argument can have";
        } else if (is_byte) {
            word_ += static_cast<char>(value);
        } else if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
            result_.problem = "an escape stands for no character";
        } else {
            append_utf8(word_, value);
        }
    }

    void finish() {
        if (started_ && unitfile::find_invalid_utf8(word_) && result_.problem.empty())
            result_.problem = "its escapes give bytes that are no UTF-8";
        if (started_) result_.words.push_back(std::move(word_));
        word_.clear();
        started_ = false;
    }

    std::string_view text_;
    std::size_t next_ = 0;
    char quote_ = '\0';
    bool started_ = false;
    std::string word_;
    Words result_;
};

/// The lines of one source: continuation lines joined, comments gone.
class LineReader {
public:
    explicit LineReader(const Source& source)
        : source_(source) {}

    /// The next logical line that says something; `line` is the number of its first one.
    bool next(std::string& text, std::uint32_t& line) {
        text.clear();
        bool open = false;
        while (at_ < source_.text.size()) {
            const auto end = std::min(source_.text.find('\n', at_), source_.text.size());
            std::string_view raw = std::string_view(source_.text).substr(at_, end - at_);
            at_ = end + 1;
            ++number_;
            while (!raw.empty() && raw.back() == '\r')
                raw.remove_suffix(1);
            const auto begin = raw.find_first_not_of(kBlanks);
            const std::string_view body =
                begin == std::string_view::npos ? std::string_view{} : raw.substr(begin);
            // A comment between continuation lines does not end them.
            if (!body.empty() && (body.front() == '#' || body.front() == ';')) continue;
            if (!open) line = number_;
            const auto last = body.find_last_not_of('\\');
            const std::size_t slashes =
                body.size() - (last == std::string_view::npos ? 0 : last + 1);
            text += body.substr(0, body.size() - slashes % 2);
            open = slashes % 2 == 1;
            if (open) {
                text += ' ';
                continue;
            }
            if (!trimmed(text).empty()) return true;
            text.clear();
        }
        return !trimmed(text).empty();
    }

private:
    const Source& source_;
    std::size_t at_ = 0;
    std::uint32_t number_ = 0;
};

bool is_others(std::string_view name) {
    return name.starts_with("X-") || name.starts_with("x-");
}

Assignment read_line(std::string_view line, const std::string& section, Origin origin) {
    Assignment result{section, {}, {}, std::move(origin), {}};
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
        result.value = line;
        result.problem = "the line has no '='";
        return result;
    }
    result.name = trimmed(line.substr(0, equals));
    result.value = trimmed(line.substr(equals + 1));
    if (result.name.empty()) result.problem = "there is no name before the '='";
    if (section.empty()) result.problem = "it stands above the first [Section]";
    return result;
}

void parse_source(const Source& source, std::vector<Assignment>& all) {
    LineReader reader(source);
    std::string section;
    std::string text;
    std::uint32_t line = 0;
    while (reader.next(text, line)) {
        if (all.size() == kMaxDirectives) {
            all.push_back({section,
                           {},
                           {},
                           {source.path, line},
                           "more than " + std::to_string(kMaxDirectives) +
                               " directives; the rest is left out"});
            return;
        }
        const std::string_view body = trimmed(text);
        if (body.front() == '[' && body.back() == ']') {
            section = body.substr(1, body.size() - 2);
            continue;
        }
        Assignment next = read_line(body, section, {source.path, line});
        if (!is_others(section) && !is_others(next.name)) all.push_back(std::move(next));
    }
}

} // namespace

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<std::string> split_blanks(std::string_view text) {
    std::vector<std::string> words;
    while (!(text = trimmed(text)).empty()) {
        const auto end = std::min(text.find_first_of(kBlanks), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

std::vector<Assignment> parse_systemd(const std::vector<Source>& sources) {
    std::vector<Assignment> all;
    for (const Source& source : sources) {
        if (all.size() > kMaxDirectives) break;
        parse_source(source, all);
    }
    return all;
}

Words split_words(std::string_view text) {
    return WordSplitter(text).split();
}

std::optional<bool> parse_boolean(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    constexpr std::array<std::string_view, 6> kYes{"1", "yes", "y", "true", "t", "on"};
    constexpr std::array<std::string_view, 6> kNo{"0", "no", "n", "false", "f", "off"};
    if (std::find(kYes.begin(), kYes.end(), lower) != kYes.end()) return true;
    if (std::find(kNo.begin(), kNo.end(), lower) != kNo.end()) return false;
    return std::nullopt;
}

std::string shell_quoted(std::string_view text) {
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("_-./:,+@%=").find(c) != std::string_view::npos;
    });
    if (plain) return std::string(text);
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

} // namespace stead::importing
