#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/specifiers.h"

/// systemd's command lines: prefixes, words, variables.
namespace stead::importing {

struct Piece {
    enum class Kind {
        Text,
        /// `${NAME}`: its value, whatever it is, at this place of the word.
        Variable,
        /// `$NAME` as a whole word: its value, split into words.
        Words
    };
    Kind kind = Kind::Text;
    std::string text;
};

using Word = std::vector<Piece>;

struct Command {
    std::vector<Word> words;
    /// '-': its failure does not count.
    bool may_fail = false;
    /// '+', '!': more rights than the unit's others.
    bool privileged = false;
    /// '@': the name the program sees, where it is not the program's own.
    std::string own_name;
    std::string note;
};

struct Commands {
    std::vector<Command> commands;
    std::string problem;
};

/// The commands of one Exec line; several are parted by " ; ".
Commands read_commands(std::string_view value, const UnitNames& names);

/// A command as a list for unit files, or nothing: some variable is not known. With `open` every
/// variable is known to whoever reads the unit file, but not its words.
std::optional<std::vector<std::string>> as_arguments(
    const Command& command, const std::map<std::string, std::string>& variables, bool open);

/// A command as a string for unit files, with `$NAME` where a variable's words come in.
std::string as_text(const Command& command);

/// True if it has a variable that only the running unit knows (MAINPID), whatever files say.
bool needs_shell(const Command& command);

/// The same as a piece of a shell's script, without `exec`.
std::string as_script(const Command& command);

/// True if some variable stands for several words; the script must then begin with "set -f".
bool splits_words(const Command& command);

/// ["/bin/sh", "-c", script], its text protected from the unit file's own replacements.
std::vector<std::string> shell(const std::string& script);

/// The signal of "kill -HUP $MAINPID" in all its spellings, as unit files name it; empty for any
/// other command.
std::string signal_of_kill(const Command& command);

} // namespace stead::importing
