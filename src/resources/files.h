#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// The kernel's files about cgroups and processes. For this folder's own use.
namespace stead::resources {

/// A file's text up to 1 MiB, without the newline at its end.
Result<std::string> read_text(const std::string& path);
/// One write(2), as such files want it.
Result<void> write_text(const std::string& path, std::string_view text);
bool exists(const std::string& path);

/// The number after `key` and a blank at the start of a line, or the whole text where `key` is
/// empty.
std::optional<std::int64_t> number_in(std::string_view text, std::string_view key);

std::vector<std::string_view> split(std::string_view text, std::string_view at);

/// The processes of a cgroup and of all below it.
std::vector<pid_t> processes_of(const std::string& cgroup);

/// Field 22 of /proc/PID/stat: with the pid, an identity; 0: there is no such process.
std::uint64_t start_of(pid_t pid);

} // namespace stead::resources
