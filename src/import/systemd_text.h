#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/import.h"

/// The syntax of systemd's files: lines, words, escapes. Of meaning nothing is known here.
namespace stead::importing {

/// One `Name=value` line, continuation lines joined by blanks.
struct Assignment {
    std::string section;
    std::string name;
    std::string value;
    Origin origin;
    /// A line that is none: what is wrong with it. `value` is the line.
    std::string problem;
};

/// Every assignment of the sources, one source after the other. Lines that are no assignment come
/// with their problem; sections and keys named X-... are others' own and left out. At most
/// kMaxDirectives.
std::vector<Assignment> parse_systemd(const std::vector<Source>& sources);

struct Words {
    std::vector<std::string> words;
    std::string problem;
};

/// Splits at blanks, takes 'quotes' and "quotes" off and resolves C escapes, as systemd does for
/// commands, environments and lists. A NUL or bytes that are no UTF-8 are a problem.
Words split_words(std::string_view text);

/// Text without blanks around it.
std::string_view trimmed(std::string_view text);

/// Plain pieces between blanks.
std::vector<std::string> split_blanks(std::string_view text);

/// yes, true, on, 1 and their opposites.
std::optional<bool> parse_boolean(std::string_view text);

/// A word for sh: quoted where it needs to be.
std::string shell_quoted(std::string_view text);

} // namespace stead::importing
