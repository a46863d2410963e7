#include "unitfile/diagnostic.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace stead::unitfile {

namespace {

/// Longer source lines are shown in part, around the caret.
constexpr std::size_t kShownWidth = 96;
/// Lines longer than any person writes are not shown at all: each message keeps a copy.
constexpr std::size_t kLongestLine = 4096;

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

/// Control characters and what is no UTF-8 letter of theirs, made visible.
std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        // U+0080 to U+009F are control characters too: C2 80 to C2 9F.
        const bool c1 =
            byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (byte >= 0x20 && byte != 0x7f && !c1) {
            out += text[i];
            continue;
        }
        std::array<char, 8> hex{};
        (void)std::snprintf(hex.data(), hex.size(), "\\x%02x", byte);
        out += hex.data();
        if (!c1) continue;
        (void)std::snprintf(hex.data(), hex.size(), "\\x%02x",
                            static_cast<unsigned char>(text[++i]));
        out += hex.data();
    }
    return out;
}

/// The letters of a line, each made printable and one column wide as far as that can be known.
std::vector<std::string> letters(std::string_view line) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < line.size();) {
        std::size_t end = i + 1;
        while (end < line.size() && is_continuation(line[end]))
            ++end;
        const bool tab = line[i] == '\t';
        out.push_back(tab ? " " : printable(line.substr(i, end - i)));
        i = end;
    }
    return out;
}

/// The source line and a line with the caret below it.
std::string excerpt(std::string_view line, std::uint32_t column) {
    const auto shown = letters(line);
    const std::size_t at = std::min<std::size_t>(column == 0 ? 0 : column - 1, shown.size());
    const std::size_t begin = at < kShownWidth ? 0 : at - kShownWidth / 2;
    const std::size_t end = std::min(shown.size(), begin + kShownWidth);

    std::string text = begin == 0 ? "" : "...";
    std::string caret(text.size(), ' ');
    for (std::size_t i = begin; i < end; ++i) {
        text += shown[i];
        // A letter that became `\x1b` is as wide as that.
        if (i < at) caret.append(shown[i].front() == '\\' ? shown[i].size() : 1, ' ');
    }
    if (end != shown.size()) text += "...";
    return text + "\n" + caret + "^\n";
}

} // namespace

void Diagnostics::remember(const std::string& file, std::string_view text) {
    texts_[file] = std::string(text);
}

std::string Diagnostics::line_of(const Place& place) const {
    const auto found = texts_.find(place.file);
    if (found == texts_.end() || place.line == 0) return {};
    std::string_view rest = found->second;
    for (std::uint32_t line = 1; line < place.line; ++line) {
        const auto end = rest.find('\n');
        if (end == std::string_view::npos) return {};
        rest.remove_prefix(end + 1);
    }
    rest = rest.substr(0, rest.find('\n'));
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    if (rest.size() > kLongestLine) return {};
    return std::string(rest);
}

void Diagnostics::add(Diagnostic diagnostic) {
    const bool is_error = diagnostic.severity == Severity::Error;
    (is_error ? errors_ : warnings_) += 1;
    const std::size_t count = ++counts_[diagnostic.place.file];
    if (count > kMaxPerFile + 1) return;
    if (count == kMaxPerFile + 1) {
        diagnostic = {{diagnostic.place.file, 0, 0},
                      Severity::Error,
                      "more than " + std::to_string(kMaxPerFile) +
                          " mistakes; the rest is not shown",
                      {},
                      {}};
    }
    if (diagnostic.source_line.empty()) diagnostic.source_line = line_of(diagnostic.place);
    all_.push_back(std::move(diagnostic));
}

void Diagnostics::error(const Place& place, std::string message, std::vector<Note> notes) {
    add({place, Severity::Error, std::move(message), std::move(notes), {}});
}

void Diagnostics::warning(const Place& place, std::string message, std::vector<Note> notes) {
    add({place, Severity::Warning, std::move(message), std::move(notes), {}});
}

void Diagnostics::sort(std::size_t first) {
    const auto begin = all_.begin() + static_cast<std::ptrdiff_t>(std::min(first, all_.size()));
    // Messages about a file as a whole (line 0) come last: they are consequences of others.
    const auto rank = [](const Diagnostic& d) {
        return std::pair(d.place.line - 1U, d.place.column);
    };
    std::stable_sort(begin, all_.end(), [&](const Diagnostic& a, const Diagnostic& b) {
        if (a.place.file != b.place.file) return a.place.file < b.place.file;
        return rank(a) < rank(b);
    });
}

std::string render(const Place& place) {
    std::string out = printable(place.file);
    if (place.line != 0) out += ":" + std::to_string(place.line);
    if (place.line != 0 && place.column != 0) out += ":" + std::to_string(place.column);
    return out;
}

std::string render(const Diagnostic& diagnostic) {
    std::string out = render(diagnostic.place);
    if (!out.empty()) out += ": ";
    out += diagnostic.severity == Severity::Error ? "error: " : "warning: ";
    out += printable(diagnostic.message) + "\n";
    if (!diagnostic.source_line.empty() && diagnostic.place.column != 0)
        out += excerpt(diagnostic.source_line, diagnostic.place.column);
    for (const Note& note : diagnostic.notes) {
        if (note.place.file.empty()) {
            out += "hint: " + printable(note.text) + "\n";
        } else {
            out += render(note.place) + ": note: " + printable(note.text) + "\n";
        }
    }
    return out;
}

std::string render(const Diagnostics& diagnostics) {
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics.all())
        out += render(diagnostic);
    return out;
}

} // namespace stead::unitfile
