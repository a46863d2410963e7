#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stead::cli {

/// Inside a guest `stead` is also shutdown, reboot, poweroff and halt: what shutdown(8) and
/// halt(8) would be asked for, in words of our own verbs. Words that are left as they are for
/// every other name; what cannot be done is in `problem`.
std::vector<std::string>
words_as(std::string_view program, const std::vector<std::string>& arguments, std::string& problem);

} // namespace stead::cli
