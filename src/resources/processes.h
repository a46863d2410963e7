#pragma once

#include <string>

#include "base/result.h"
#include "resources/subject.h"

/// Levels that every process of a cgroup has by itself: they are read and written while the cgroup
/// stands still, so that no child is born with the old one. For this folder's own use.
namespace stead::resources {

/// "PID START SOFT HARD" or "PID START SCORE", a line for each process.
Result<std::string> read_processes(const Subject& subject, const Level& level);
/// `content` is "SOFT:HARD", a score, or what read_processes gave.
Result<void>
write_processes(const Subject& subject, const Level& level, const std::string& content);

} // namespace stead::resources
