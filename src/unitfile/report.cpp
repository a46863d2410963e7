#include "unitfile/report.h"

#include <array>
#include <cstdio>
#include <utility>

#include "unitfile/environment_file.h"

namespace stead::unitfile {

namespace {

/// Longer values are shown in part.
constexpr std::size_t kShownValue = 60;

} // namespace

void Reporter::error(Position position, std::string message, std::vector<Note> notes) {
    error_at(at(position), std::move(message), std::move(notes));
}

void Reporter::error_at(const Place& place, std::string message, std::vector<Note> notes) {
    ++errors_;
    diagnostics_.error(place, std::move(message), std::move(notes));
}

bool Reporter::read_variables(std::string_view text,
                              const std::string& file,
                              std::map<std::string, std::string>& variables) {
    return read_environment_text(text, file, variables, diagnostics_);
}

Position Reporter::inside(const Node& text, std::size_t offset) const {
    const std::string line = diagnostics_.line_of(at(text.at));
    // Columns count letters; where any letter before is longer than a byte, the start will do.
    for (const char c : line) {
        if (static_cast<unsigned char>(c) >= 0x80) return text.at;
    }
    const std::size_t quote = text.at.column - 1;
    if (quote >= line.size() || (line[quote] != '"' && line[quote] != '\'')) return text.at;
    if (line.compare(quote + 1, offset, text.text, 0, offset) != 0) return text.at;
    return {text.at.line, static_cast<std::uint32_t>(text.at.column + 1 + offset), text.at.layer};
}

std::string shown(const Node& node) {
    switch (node.type) {
    case NodeType::String: {
        if (node.text.size() <= kShownValue) return "'" + node.text + "'";
        std::size_t end = kShownValue;
        // Not in the middle of a letter.
        while (end > 0 && (static_cast<unsigned char>(node.text[end]) & 0xc0U) == 0x80U)
            --end;
        return "'" + node.text.substr(0, end) + "...'";
    }
    case NodeType::Integer:
        return std::to_string(node.integer);
    case NodeType::Boolean:
        return node.boolean ? "true" : "false";
    case NodeType::Number: {
        std::array<char, 32> digits{};
        (void)std::snprintf(digits.data(), digits.size(), "%g", node.number);
        return digits.data();
    }
    case NodeType::Time:
    case NodeType::List:
    case NodeType::Table:
        return std::string(describe(node.type));
    }
    return "a value";
}

std::string either(const std::vector<std::string>& words, std::string_view last_separator) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i != 0) out += i + 1 == words.size() ? last_separator : ", ";
        out += words[i];
    }
    return out;
}

} // namespace stead::unitfile
