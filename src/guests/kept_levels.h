#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guests/levels.h"

/// The drop-in 90-set.toml. For this folder's own use.
namespace stead::guests {

/// Its text; nothing if there is none.
std::optional<std::string> read_kept(const std::string& path);

/// `before` with the levels in [TABLE]; the file holds nothing else, else EEXIST.
Result<std::string> merge_kept(const std::string& path,
                               const std::string& before,
                               const std::string& table,
                               const std::vector<KeptLevel>& levels);

/// Writes the file and makes its folders, atomically and kept over a crash of the machine; nothing:
/// removes it.
Result<void> restore_kept(const std::string& path, const std::optional<std::string>& text);

} // namespace stead::guests
