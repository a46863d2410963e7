#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "learn/lesson.h"
#include "unitfile/specs.h"

/// `stead jail`'s options as the guest file they stand for: what --print shows is what would run.
namespace stead::cli {

struct JailOptions {
    std::string name;
    std::string root;
    std::string user;
    std::string cwd;
    std::string network;
    std::string memory_max;
    bool read_only = false;
    /// network.listen can be kept here (it takes root).
    bool bounded_listen = true;
    std::vector<std::string> capabilities;
    std::vector<std::string> binds;
    std::vector<std::string> listen;
    /// "NAME=VALUE".
    std::vector<std::string> environment;
    /// "KEY=VALUE" of a guest file.
    std::vector<std::string> settings;
    std::vector<std::string> command;
};

/// The name of the one unit of such a jail.
inline constexpr std::string_view kJailUnit = "main";

/// A basic TOML string.
std::string quoted(std::string_view text);
/// `text` so that a unit file's substitution of `%n` gives it back unchanged.
std::string without_percent(std::string_view text);
/// The same for values in which `${NAME}` is replaced, too: all but those of the environment.
std::string unexpanded(std::string_view text);
/// `text` if it is a TOML value already (a string, number, boolean, array or table), else quoted.
std::string as_value(std::string_view text);
/// The guest file, one dotted key a line, so that a setting may add to any table. An option without
/// "=" where it needs one comes back in `wrong`. With what was `learned` the lists are those, an
/// item a line with its reason.
std::string
jail_text(const JailOptions& options, std::string& wrong, const learn::Learned* learned = nullptr);
/// A guest file is UTF-8, a program's arguments and environment are any bytes. True if those of
/// `options` cannot stand in one; `jail_text` then has them escaped (\xNN).
bool has_bytes(const JailOptions& options);
/// Gives the unit the command and the environment of `options`, byte for byte.
void put_bytes(unitfile::GuestSpec& guest, const JailOptions& options);

} // namespace stead::cli
