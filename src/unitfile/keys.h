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
    /// With or without a fraction.
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
    /// Octal digits as a string.
    Mode,
    /// Absolute.
    Path,
    Paths,
    /// A name or a number.
    User,
    Users,
    UnitName,
    UnitNames,
    HostName,
    Strings,
    /// A string, or a list of them.
    OneOrMore,
    /// Lists in which "..." stands for the default and "!NAME" takes away.
    Capabilities,
    SystemCalls,
    Variables,
    Splice,
    /// An errno name.
    ErrorName,
    /// Exit codes and signal names.
    ExitCodes,
    /// A string that is split, or a list taken as it is.
    Command,
    /// A command, or a list of them.
    Commands,
    /// "127.0.0.1:80"
    Address,
    /// A list of addresses a guest may bind.
    Listens,
    /// ["TERM 10s", "KILL"]
    Schedule,
    /// Where output goes.
    Output,
    /// Folder names below a standard one.
    SubPaths,
    /// NAME = "value".
    Environment,
    /// "FROM:TO[:OPTIONS]".
    Binds,
    /// private, host or "BASE:COUNT".
    IdRange,
    /// A limit of setrlimit(2): "SOFT:HARD", a number, a size or "infinity".
    Rlimit,
    /// A level of the cgroup.
    Level,
    /// none, exit, shutdown, reboot or unit:NAME.
    Outcome,
    /// "http://127.0.0.1:80/path".
    Url,
    /// { 143 = 0 }
    ExitMap,
    /// { TERM = "QUIT" }
    SignalMap,
    /// Names, or a number.
    Instances,
    /// "best-effort:4"
    IoPriority,
    /// "batch", "fifo:10"
    CpuPolicy,
    /// "0-3,5"
    Processors,
    /// "file:/path"
    Credential,
    /// "console", "/dev/tty1"
    Terminal,
    /// Absolute paths, with a '-' before one that may be missing.
    EnvironmentFiles,
    /// The same, for paths that nothing is read from.
    OptionalPaths,
    /// Items with a '!' before what must not hold: absolute paths, NAME or NAME=VALUE, names of
    /// capabilities, kinds of machines.
    ConditionPaths,
    ConditionVariables,
    ConditionCapabilities,
    ConditionMachines,
    /// "tcp:80", "unix:/run/app.sock": what is opened for a unit.
    Sockets,
    /// { read = [PATH], write = [PATH], bind-tcp = [PORT], connect-tcp = [PORT], scope = [WORD] }
    Landlock
};

enum class Support : std::uint8_t { Now, NotYet };

struct Key {
    /// "restart"; "" above the first table; "socket.*" for [socket.NAME].
    std::string_view table;
    /// "*": any name (credentials).
    std::string_view name;
    KeyType type = KeyType::String;
    /// As TOML, or a few words; empty: there is none.
    std::string_view default_text;
    /// One sentence without a full stop.
    std::string_view doc;
    Support support = Support::Now;
    /// `%i`, `%n`, `%%` and `${NAME}` are replaced.
    bool expandable = false;
    /// The allowed words, separated by '|'; one with a '-' before it is not supported yet. For a
    /// number: words that are allowed beside it.
    std::string_view words = {};
    /// The range of an integer or number; a duration or size with `low` 1 must not be zero.
    std::int64_t low = 0;
    std::int64_t high = INT64_MAX;
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

/// "restart.delay", "user".
std::string full_name(const Key& key);

/// "a string", "a duration", "a list of strings": for people.
std::string_view describe(KeyType type);

/// The reference of all keys as scdoc source, section by section: what unit.5 and guest.5 hold.
std::string render_keys_scdoc(Kind kind);

/// A JSON Schema (draft 7) of the format, for editors that complete and check TOML as it is
/// written. It knows names, types, words and ranges of the keys that act today; the rest is `stead
/// check`'s.
std::string render_json_schema(Kind kind);

} // namespace stead::unitfile
