#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "unitfile/reader.h"

/// The one table of keys: every key of both file formats with its type, default and meaning. The
/// reader, the messages about unknown and misplaced keys, the man pages and the JSON Schema come
/// from it.
namespace stead::unitfile {

enum class KeyType : std::uint8_t {
    Boolean,
    Integer,
    Number,
    String,
    /// One word of `words`.
    Word,
    /// A string with a unit, "1m30s", or "infinity".
    Duration,
    /// A string with a unit, "512M", or "infinity".
    Size,
    /// A name or a number.
    Signal,
    /// Four octal digits as a string.
    Mode,
    StringList,
    /// A list in which "..." stands for the default and "!NAME" takes away.
    SpliceList,
    /// Exit codes and signal names.
    ExitSet,
    /// A string that is split, or a list taken as it is.
    Command,
    /// A command, or a list of lists.
    Commands,
    /// NAME = "value".
    StringTable,
    /// A limit of setrlimit(2): "SOFT:HARD", a number, a size or "infinity".
    Rlimit,
    /// A level of the cgroup, checked by form.
    Level,
    /// Anything: the key is not read yet.
    Any
};

enum class Support : std::uint8_t { Now, NotYet };

struct Key {
    /// "restart"; "" above the first table; "socket.*" for [socket.NAME].
    std::string_view table;
    /// "*": any name (credentials).
    std::string_view name;
    KeyType type = KeyType::Any;
    Support support = Support::NotYet;
    /// `%i`, `%n`, `%%` and `${NAME}` are replaced.
    bool expandable = false;
    /// As TOML, or a few words; empty: none.
    std::string_view default_text;
    /// The allowed words, separated by '|'. Words that are planned stand behind a '-'.
    std::string_view words;
    /// One sentence without a full stop.
    std::string_view doc;
};

/// A table and what it is for; `main_key` may stand for the whole table (`restart = "always"`).
struct Table {
    std::string_view name;
    std::string_view main_key;
    std::string_view doc;
};

std::span<const Key> unit_keys();
std::span<const Key> guest_keys();
std::span<const Table> unit_tables();
std::span<const Table> guest_tables();

/// "string", "duration", "list of strings": for people.
std::string_view describe(KeyType type);

/// The reference of all keys as scdoc source, section by section: what unit.5 and guest.5 hold.
std::string render_keys_scdoc(Kind kind);

} // namespace stead::unitfile
