#pragma once

#include <string_view>

namespace stead {

/// The name of signal `number` without SIG (`TERM`), or an empty view for a real-time signal or
/// none.
std::string_view signal_name(int number);

/// The number of `name`, with or without SIG, case as in signal(7); RTMIN+n is 34 + n. 0: there is
/// none.
int signal_number(std::string_view name);

} // namespace stead
