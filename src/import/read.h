#pragma once

#include <optional>
#include <string>
#include <vector>

#include "import/import.h"

/// Finds and reads what an argument names. For this folder's own use.
namespace stead::importing {

/// The text of a regular file of at most kMaxSourceSize bytes of UTF-8, or why not. A FIFO, folder
/// or device is never waited for. /dev/null, which masks a unit, is an empty text.
struct ReadText {
    std::optional<std::string> text;
    std::string problem;
};

ReadText read_source(const std::string& path);

} // namespace stead::importing
