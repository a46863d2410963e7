#include "system/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include <pty.h>
#include <termios.h>

namespace stead::system_test {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void become(const Words& words, int terminal) {
    ::setsid();
    ::ioctl(terminal, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; ++fd)
        ::dup2(terminal, fd);
    // One thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
    ::setenv("TERM", "vt100", 1);
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

} // namespace

Terminal::Terminal(const Words& words, unsigned short rows, unsigned short columns) {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    if (::openpty(&master_, &terminal_, nullptr, nullptr, &size) < 0) std::abort();
    ::fcntl(master_, F_SETFD, FD_CLOEXEC);
    ::fcntl(terminal_, F_SETFD, FD_CLOEXEC);
    pid_ = ::fork();
    if (pid_ == 0) become(words, terminal_);
}

Terminal::~Terminal() {
    if (code_ == -2) {
        ::kill(pid_, SIGTERM);
        if (wait(10s) == -1) ::waitpid(pid_, nullptr, 0);
    }
    close();
}

void Terminal::close() {
    if (terminal_ >= 0) ::close(terminal_);
    if (master_ >= 0) ::close(master_);
    terminal_ = -1;
    master_ = -1;
}

void Terminal::type(const std::string& keys) const {
    if (::write(master_, keys.data(), keys.size()) < 0) std::abort();
}

void Terminal::resize(unsigned short rows, unsigned short columns) const {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    ::ioctl(master_, TIOCSWINSZ, &size);
}

void Terminal::signal(int number) const {
    ::kill(pid_, number);
}

bool Terminal::read_some(int milliseconds) {
    pollfd ready{master_, POLLIN, 0};
    if (master_ < 0) {
        ::poll(nullptr, 0, milliseconds);
        return false;
    }
    if (::poll(&ready, 1, milliseconds) <= 0) return false;
    std::array<char, 65536> buffer{};
    const ssize_t size = ::read(master_, buffer.data(), buffer.size());
    if (size > 0) shown_.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
}

bool Terminal::sees(const std::string& text, std::chrono::seconds limit) {
    const auto end = Clock::now() + limit;
    for (;;) {
        const std::size_t at = shown_.find(text, seen_);
        if (at != std::string::npos) {
            seen_ = at + text.size();
            return true;
        }
        if (Clock::now() > end) return false;
        read_some(20);
    }
}

int Terminal::wait(std::chrono::seconds limit) {
    const auto end = Clock::now() + limit;
    while (code_ == -2) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        } else if (Clock::now() > end) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, &status, 0);
            code_ = -1;
        } else {
            read_some(5);
        }
    }
    while (read_some(0)) {
    }
    return code_;
}

bool Terminal::is_cooked() const {
    termios mode{};
    ::tcgetattr(terminal_, &mode);
    constexpr tcflag_t kUsual = ICANON | ECHO | ISIG;
    return (mode.c_lflag & kUsual) == kUsual && (mode.c_oflag & OPOST) != 0;
}

} // namespace stead::system_test
