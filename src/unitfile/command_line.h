#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "unitfile/specs.h"

namespace stead::unitfile {

/// A mistake inside a string: what is wrong, and the byte it is at.
struct TextProblem {
    std::string message;
    std::size_t offset = 0;
};

struct SplitCommand {
    Argv argv;
    /// Which arguments are a lone `$NAME`, unquoted: the words of that variable, none or many.
    std::vector<std::size_t> splices;
    std::optional<TextProblem> problem;
};

/// Splits a command string into its arguments. Blanks separate; 'single quotes' keep everything;
/// "double quotes" keep everything but `\"` and `\\`; outside quotes a backslash keeps the next
/// character; pieces without a blank between them are one argument, and '' is an empty one. There
/// is no shell: its unquoted operators (| & ; < > ` $() are mistakes here, because as plain
/// arguments they would do silently something else. `${NAME}` is left for expand(), and an argument
/// that is nothing but `$NAME` for whoever knows the variable's words.
SplitCommand split_command(std::string_view text);

/// What `%i`, `%n` and `${NAME}` stand for.
struct Scope {
    std::string unit;
    /// Empty: the unit has no instance, and `%i` no meaning.
    std::string instance;
    /// Null: `${NAME}` is plain text (in the environment's own values).
    const std::map<std::string, std::string>* environment = nullptr;
    /// A variable that is not there is empty, not a mistake.
    bool open = false;
};

struct ExpandedText {
    std::string text;
    std::optional<TextProblem> problem;
};

/// Replaces `%i`, `%n`, `%%`, and `${NAME}` from the unit's own environment, once: what a variable
/// holds is not expanded again. `$${` is a plain `${`, which also stays as it is where no NAME and
/// `}` follow.
ExpandedText expand(std::string_view text, const Scope& scope);

/// [A-Za-z_][A-Za-z0-9_]*
bool is_variable_name(std::string_view name);

} // namespace stead::unitfile
