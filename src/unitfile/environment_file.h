#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "unitfile/diagnostic.h"

/// Files of variables, as /etc/default has them: lines NAME=VALUE, with or without `export` before
/// and quotes around; empty lines and those that begin with '#' or ';' say nothing. Between single
/// quotes everything is itself; between double quotes a backslash keeps '"', '\', '$', '`' and the
/// end of the line; without quotes it keeps any letter, and blanks at the end are dropped. Nothing
/// is expanded or run.
namespace stead::unitfile {

/// Adds the variables of `text` to `variables`, later ones over earlier ones. Each line that is
/// none of that is an error with its place in `file`; false if there was one.
bool read_environment_text(std::string_view text,
                           const std::string& file,
                           std::map<std::string, std::string>& variables,
                           Diagnostics& diagnostics);

/// What an environment file holds. Missing: no text and no problem; unreadable: a problem, in words
/// that follow the path.
struct FileText {
    std::optional<std::string> text;
    std::string problem;
};

/// Gives the text of an environment file of the guest that the units are for.
using FileReader = std::function<FileText(const std::string& path)>;

} // namespace stead::unitfile
