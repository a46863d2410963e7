#pragma once

#include <cstdint>

#include <termios.h>

#include "base/result.h"

/// Terminals (termios(3), ioctl_tty(2)).
namespace stead::sys {

struct WindowSize {
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
};

bool is_terminal(int fd);
/// TIOCGWINSZ, TIOCSWINSZ.
Result<WindowSize> window_size(int fd);
Result<void> set_window_size(int fd, WindowSize size);
/// Whether `fd` is the master of a pseudo-terminal: /dev/ptmx's own character device, with a
/// number. Nothing else answers both, so no file or host device passes for one.
bool is_pty_master(int fd);
/// Whether our process group may read from the terminal `fd` now.
bool in_foreground(int fd);

/// tcgetattr(3); tcsetattr(3) with TCSADRAIN would wait for a terminal that is held, so TCSANOW.
Result<termios> terminal_mode(int fd);
Result<void> set_terminal_mode(int fd, const termios& mode);
/// `mode` with every byte passed on as it is (cfmakeraw(3)).
termios raw_mode(termios mode);

} // namespace stead::sys
