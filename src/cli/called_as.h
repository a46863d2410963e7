#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stead::cli {

/// Inside a guest `stead` is also shutdown, reboot, poweroff, halt, telinit, init and runlevel:
/// what shutdown(8), halt(8) and telinit(8) would be asked for, in words of our own verbs. Words
/// that are left as they are for every other name; what cannot be done is in `problem`.
std::vector<std::string>
words_as(std::string_view program, const std::vector<std::string>& arguments, std::string& problem);

/// Called as systemctl, whose command line is its own.
bool is_systemctl(std::string_view program);

} // namespace stead::cli
