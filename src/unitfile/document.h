#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unitfile/diagnostic.h"

/// A TOML file as a plain tree with places, in the order written: the rest of the folder needs no
/// TOML library.
namespace stead::unitfile {

/// Deeper nesting than any key of the formats has; a bound for recursion.
inline constexpr std::size_t kMaxNesting = 32;

struct Position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    /// Which of the files laid over each other it is in; see layers.h.
    std::uint32_t layer = 0;
};

enum class NodeType : std::uint8_t { String, Integer, Number, Boolean, Time, List, Table };

struct Member;

/// A value; only the field of its type is filled.
struct Node {
    NodeType type = NodeType::Table;
    Position at;
    std::string text;
    std::int64_t integer = 0;
    double number = 0;
    bool boolean = false;
    std::vector<Node> items;
    std::vector<Member> members;

    [[nodiscard]] bool is(NodeType wanted) const { return type == wanted; }

    [[nodiscard]] const Member* find(std::string_view key) const;
};

/// A key and its value.
struct Member {
    std::string key;
    Position at;
    Node value;
};

/// The tree of `text`, or nothing and an error: no UTF-8, nested too deep, no TOML (then the first
/// grammar error alone is known).
std::optional<Node>
parse_document(std::string_view text, const std::string& file, Diagnostics& diagnostics);

/// Position of the first byte that is no UTF-8, if any.
std::optional<Position> find_invalid_utf8(std::string_view text);

/// "a string", "a list": for messages.
std::string_view describe(NodeType type);

} // namespace stead::unitfile
