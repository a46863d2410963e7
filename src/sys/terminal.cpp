#include "sys/terminal.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys/outcome.h"

namespace stead::sys {

bool is_terminal(int fd) {
    termios mode{};
    return ::tcgetattr(fd, &mode) == 0;
}

Result<WindowSize> window_size(int fd) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) < 0) return last_error("ioctl", "TIOCGWINSZ");
    return WindowSize{size.ws_row, size.ws_col};
}

Result<void> set_window_size(int fd, WindowSize size) {
    winsize wanted{};
    wanted.ws_row = size.rows;
    wanted.ws_col = size.columns;
    return detail::done(::ioctl(fd, TIOCSWINSZ, &wanted), "ioctl", "TIOCSWINSZ");
}

bool is_pty_master(int fd) {
    struct stat status {};

    unsigned number = 0;
    // Both /dev/ptmx and a devpts ptmx node are character device 5:2 (pty(7)).
    return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) &&
           status.st_rdev == makedev(5, 2) && ::ioctl(fd, TIOCGPTN, &number) == 0;
}

bool in_foreground(int fd) {
    return ::tcgetpgrp(fd) == ::getpgrp();
}

Result<termios> terminal_mode(int fd) {
    termios mode{};
    if (::tcgetattr(fd, &mode) < 0) return last_error("tcgetattr");
    return mode;
}

Result<void> set_terminal_mode(int fd, const termios& mode) {
    return detail::done(::tcsetattr(fd, TCSANOW, &mode), "tcsetattr");
}

termios raw_mode(termios mode) {
    ::cfmakeraw(&mode);
    return mode;
}

} // namespace stead::sys
