#pragma once

#include <string>
#include <vector>

#include "cli/console.h"

namespace stead::cli {

struct NewFile {
    /// A name without '/'.
    std::string name;
    std::string text;
};

/// Writes all files into `folder`, which is made if need be, or none: each is written beside its
/// place first, and moved there when all are complete. A file that is there already is an error
/// (kAskedWrongly) unless `replace`. What went wrong has been printed.
int write_unit_files(Console& console,
                     const std::string& folder,
                     const std::vector<NewFile>& files,
                     bool replace);

} // namespace stead::cli
