#pragma once

#include "base/result.h"
#include "sys/unique_fd.h"

namespace stead::sys {

struct Pty {
    UniqueFd master;
    UniqueFd terminal;
};

/// A new pseudo-terminal of the devpts whose root folder `devpts` is. Its terminal is opened
/// through the master (TIOCGPTPEER), by no path, and becomes nobody's controlling terminal.
Result<Pty> make_pty(int devpts);

/// Gives `to` the window size and the modes of the terminal `from`.
Result<void> copy_terminal(int from, int to);

} // namespace stead::sys
