#include "unitfile/document.h"

#include <algorithm>
#include <array>
#include <utility>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_HEADER_ONLY 1
#define TOML_MAX_NESTED_VALUES 64
#include <toml++/impl/preprocessor.h>
// The library states assumptions that hostile text breaks ("[=]") although the code behind them
// checks for it: an abort with assertions, and without them a licence for the compiler to remove
// those checks. They say nothing here.
#undef TOML_ASSERT_ASSUME
#define TOML_ASSERT_ASSUME(expr) static_cast<void>(0)
#include <toml++/toml.h>

#include "unitfile/nesting.h"

namespace stead::unitfile {

namespace {

Position position_of(const toml::source_region& region) {
    return {static_cast<std::uint32_t>(region.begin.line),
            static_cast<std::uint32_t>(region.begin.column)};
}

bool before(Position a, Position b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

Node convert(const toml::node& from) {
    Node to;
    to.at = position_of(from.source());
    if (const auto* table = from.as_table()) {
        to.type = NodeType::Table;
        for (const auto& [key, value] : *table)
            to.members.push_back(
                {std::string(key.str()), position_of(key.source()), convert(value)});
        // The library keeps tables sorted by key; people read files from top to bottom.
        std::stable_sort(to.members.begin(), to.members.end(),
                         [](const Member& a, const Member& b) { return before(a.at, b.at); });
    } else if (const auto* list = from.as_array()) {
        to.type = NodeType::List;
        for (const auto& item : *list)
            to.items.push_back(convert(item));
    } else if (const auto* text = from.as_string()) {
        to.type = NodeType::String;
        to.text = text->get();
    } else if (const auto* integer = from.as_integer()) {
        to.type = NodeType::Integer;
        to.integer = integer->get();
    } else if (const auto* number = from.as_floating_point()) {
        to.type = NodeType::Number;
        to.number = number->get();
    } else if (const auto* boolean = from.as_boolean()) {
        to.type = NodeType::Boolean;
        to.boolean = boolean->get();
    } else {
        to.type = NodeType::Time;
    }
    return to;
}

/// NUL ends a string for the kernel, so no path, argument, name or variable can hold one.
void refuse_nul(const Node& node, const std::string& file, Diagnostics& diagnostics) {
    const auto complain = [&](Position at, std::string_view what) {
        diagnostics.error({file, at.line, at.column},
                          std::string(what) + " contains a NUL character, which ends strings");
    };
    if (node.text.find('\0') != std::string::npos) complain(node.at, "the value");
    for (const Node& item : node.items)
        refuse_nul(item, file, diagnostics);
    for (const Member& member : node.members) {
        if (member.key.find('\0') != std::string::npos) complain(member.at, "the key");
        refuse_nul(member.value, file, diagnostics);
    }
}

/// A grammar error of the library's, by a part of its description, in words that say what to do.
struct GrammarHint {
    std::string_view part;
    std::string_view hint;
};

constexpr std::array kGrammarHints{
    GrammarHint{"cannot redefine existing", "each key and each [table] may be written only once"},
    GrammarHint{"could not determine value type", "text needs quotes: KEY = \"text\""},
    GrammarHint{"leading zeroes", "modes are strings: \"0750\""},
    GrammarHint{"unescaped control characters", "a string ends on its own line"},
    GrammarHint{"expected value, saw '\\n'", "the value is missing: KEY = \"text\""},
    GrammarHint{"escape sequence", "in 'single quotes' a backslash is an ordinary letter"},
};

/// Adds the library's complaint, without its "Error while parsing X: ".
void complain_about_grammar(const toml::parse_error& error,
                            const std::string& file,
                            Diagnostics& diagnostics) {
    std::string_view text = error.description();
    if (text.starts_with("Error while parsing ")) {
        const auto colon = text.find(": ");
        if (colon != std::string_view::npos) text.remove_prefix(colon + 2);
    }
    while (!text.empty() && text.back() == '.')
        text.remove_suffix(1);

    std::vector<Note> notes;
    for (const GrammarHint& known : kGrammarHints) {
        if (text.find(known.part) == std::string_view::npos) continue;
        notes.push_back({std::string(known.hint), {}});
        break;
    }
    const Position at = position_of(error.source());
    diagnostics.error({file, at.line, at.column}, "not valid TOML: " + std::string(text),
                      std::move(notes));
}

/// Length of the well-formed UTF-8 sequence `text` begins with; 0: none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) return 0;
    }
    // Overlong forms, surrogates and what lies beyond U+10FFFF.
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return length;
}

} // namespace

const Member* Node::find(std::string_view key) const {
    for (const Member& member : members) {
        if (member.key == key) return &member;
    }
    return nullptr;
}

std::optional<Position> find_invalid_utf8(std::string_view text) {
    Position at{1, 1};
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = sequence_length(text.substr(i));
        if (length == 0) return at;
        if (text[i] == '\n') {
            ++at.line;
            at.column = 1;
        } else {
            ++at.column;
        }
        i += length;
    }
    return std::nullopt;
}

std::optional<Node>
parse_document(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
    if (const auto at = find_invalid_utf8(text)) {
        // The line is not shown: its bytes are no letters.
        diagnostics.error({file, at->line, at->column},
                          "not UTF-8 text; unit and guest files are TOML in UTF-8");
        return std::nullopt;
    }
    diagnostics.remember(file, text);
    if (const auto at = find_deep_nesting(text, kMaxNesting)) {
        diagnostics.error({file, at->line, at->column}, "nested more than " +
                                                            std::to_string(kMaxNesting) +
                                                            " levels deep; no key needs that");
        return std::nullopt;
    }
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) {
        complain_about_grammar(parsed.error(), file, diagnostics);
        return std::nullopt;
    }
    const std::size_t before_check = diagnostics.errors();
    Node root = convert(parsed.table());
    refuse_nul(root, file, diagnostics);
    if (diagnostics.errors() != before_check) return std::nullopt;
    return root;
}

std::string_view describe(NodeType type) {
    switch (type) {
    case NodeType::String:
        return "a string";
    case NodeType::Integer:
        return "an integer";
    case NodeType::Number:
        return "a number";
    case NodeType::Boolean:
        return "a boolean";
    case NodeType::Time:
        return "a date or time";
    case NodeType::List:
        return "a list";
    case NodeType::Table:
        return "a table";
    }
    return "a value";
}

} // namespace stead::unitfile
