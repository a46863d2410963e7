#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/import.h"
#include "import/specifiers.h"

/// Finds and reads what an argument names. For this folder's own use.
namespace stead::importing {

/// The text of a regular file of at most kMaxSourceSize bytes of UTF-8, or why not. A FIFO, folder
/// or device is never waited for. /dev/null, which masks a unit, is an empty text.
struct ReadText {
    std::optional<std::string> text;
    std::string problem;
};

ReadText read_source(const std::string& path);

/// "foo@bar.service": of "foo-bar.service.d", "foo-.service.d" and "service.d" which apply; the
/// most particular last.
std::vector<std::string> drop_in_folders(const UnitNames& names);

/// True for names of files that only containers have: "web.nspawn", "config".
bool is_container_name(std::string_view name);

/// The settings of the container that the file is named after.
NspawnFile nspawn_of(Source source, const Options& options);

/// The configuration in `main` and what it includes: names of files and folders beside it, or
/// absolute ones below the root that is looked through.
LxcConfig read_lxc(Source main, const Options& options);

} // namespace stead::importing
