#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unitfile/document.h"
#include "unitfile/reader.h"

/// Writes unit and guest files: the other direction of the reader. What is written here reads back
/// as the same tree; whether the keys make sense together is the reader's to say.
namespace stead::unitfile {

/// A key with its value, and what is to stand above it.
struct WrittenKey {
    /// Its full name: "user", "restart.delay", "socket.http.listen"; in a guest file
    /// "unit.web.stop.signal" too. A table of values (`environment`) is one key.
    std::string key;
    Node value;
    /// Lines without their '#'.
    std::vector<std::string> comments;
};

struct WrittenUnit {
    /// Lines above everything else, without their '#'.
    std::vector<std::string> head;
    std::vector<WrittenKey> keys;
    Kind kind = Kind::Unit;
};

/// The lines of the text that a key and its value take; both count.
struct WrittenLines {
    std::string key;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
};

struct WrittenText {
    std::string text;
    std::vector<WrittenLines> keys;
};

/// TOML in the order of the table of keys: what stands above the first table, then table by table.
/// Texts must be UTF-8. Control characters of comments come out as `\xNN`.
WrittenText write_unit(const WrittenUnit& unit);

/// A value as TOML on one line.
std::string toml_of(const Node& value);

Node text_node(std::string text);
Node integer_node(std::int64_t integer);
Node number_node(double number);
Node boolean_node(bool boolean);
Node list_node(const std::vector<std::string>& texts);
Node table_node();

} // namespace stead::unitfile
