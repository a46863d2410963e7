#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "images/report.h"

/// What an image consists of: a line for each file, with owner, mode, size and SHA-256 sum.
namespace stead::images {

struct Totals {
    std::uint64_t files = 0;
    /// Of file contents; a file with several names counts once.
    std::uint64_t bytes = 0;
};

/// Writes the lines of everything below `root` (an open folder) to `out`.
Result<Totals> write_manifest(int root, int out);

/// How the tree below `root` differs from a manifest: "usr/bin/env: content has changed". At most
/// `most` lines; `count` tells how many there are. A manifest that is none is a failure.
struct Differences {
    std::uint64_t count = 0;
    std::vector<std::string> lines;
};

bool compare_manifest(int root,
                      std::string_view manifest,
                      std::size_t most,
                      Differences& differences,
                      Report& report);

} // namespace stead::images
