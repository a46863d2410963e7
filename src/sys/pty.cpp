#include "sys/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <termios.h>

#include "sys/outcome.h"

namespace stead::sys {

Result<Pty> make_pty(int devpts) {
    UniqueFd master(::openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master) return last_error("open", "ptmx");
    int locked = 0;
    if (::ioctl(master.get(), TIOCSPTLCK, &locked) < 0) return last_error("ioctl TIOCSPTLCK");
    UniqueFd terminal(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!terminal) return last_error("ioctl TIOCGPTPEER");
    return Pty{std::move(master), std::move(terminal)};
}

Result<void> copy_terminal(int from, int to) {
    termios mode{};
    if (::tcgetattr(from, &mode) < 0) return last_error("tcgetattr");
    if (::tcsetattr(to, TCSANOW, &mode) < 0) return last_error("tcsetattr");
    winsize size{};
    if (::ioctl(from, TIOCGWINSZ, &size) < 0) return last_error("ioctl TIOCGWINSZ");
    return detail::done(::ioctl(to, TIOCSWINSZ, &size), "ioctl TIOCSWINSZ");
}

} // namespace stead::sys
