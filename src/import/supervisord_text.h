#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/import.h"

/// The syntax of supervisord's files: sections, options, %(name)s. For this folder's own use.
namespace stead::importing {

struct Setting {
    std::string name;
    std::string value;
    Origin origin;
    std::string problem;
};

struct Section {
    /// "program:web"
    std::string name;
    Origin origin;
    std::vector<Setting> settings;
};

/// The sections of one file, in order. Names of options come in lower case; blanks before a line
/// continue the value above; " ;" begins a comment.
std::vector<Section> parse_supervisord(const Source& source);

/// What %(name)s stands for. `process_num` stays: it becomes the instance.
struct Expansions {
    std::map<std::string, std::string> values;
    /// %(ENV_X)s: variables of supervisord's own section.
    std::map<std::string, std::string> environment;
};

struct ExpandedSetting {
    /// Percent signs are doubled, %i is the instance: what expanding keys take.
    std::string text;
    std::string problem;
    /// %(ENV_X)s that only the running supervisord would know: "$X" stands for it in a shell.
    std::vector<std::string> variables;
    /// The format of %(process_num): "%02d"; empty if it is not used.
    std::string number_format;
};

/// `variable` is put where an unknown %(ENV_X)s was, X in place of its '*'.
ExpandedSetting
expand_setting(std::string_view text, const Expansions& known, std::string_view variable);

/// Splits as Python's shlex does: quotes and backslashes, no escapes of C.
std::optional<std::vector<std::string>> split_shell_words(std::string_view text);

/// NAME=value pairs parted by commas, values in quotes or not; nothing where it is wrong.
std::optional<std::vector<std::pair<std::string, std::string>>> split_pairs(std::string_view text);

} // namespace stead::importing
