#pragma once

#include <cstdint>
#include <string>

#include "base/function_ref.h"
#include "images/report.h"

namespace stead::images {

/// A line for a person who waits: "web.tar: 120 MB".
using Progress = FunctionRef<void(const std::string& line)>;

/// Runs `work` in a child that can do nothing but change files below `folder`, which is its root:
/// no capabilities but those over files, no network, bounded memory, and it ends with this process.
/// What it reports comes back; a text that it leaves in `answer` too. The parsers of foreign bytes
/// run here: were one of them to be taken over, it would have nothing but a half-made image.
bool run_confined(const std::string& folder,
                  Report& report,
                  Progress progress,
                  std::string& answer,
                  FunctionRef<bool(Report& report, Progress progress, std::string& answer)> work);

} // namespace stead::images
