#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "system/harness.h"

namespace stead::system_test {

/// A program on a terminal of its own, with a person at the other end: us. Killed at the end of its
/// life if it still runs.
class Terminal {
public:
    explicit Terminal(const Words& words, unsigned short rows = 24, unsigned short columns = 80);
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    Terminal(Terminal&&) = delete;
    Terminal& operator=(Terminal&&) = delete;
    ~Terminal();

    [[nodiscard]] pid_t pid() const { return pid_; }

    void type(const std::string& keys) const;
    /// Resizes the window; the kernel tells the foreground by SIGWINCH.
    void resize(unsigned short rows, unsigned short columns) const;
    void signal(int number) const;
    /// The window is closed: the line is hung up.
    void close();

    /// Reads until `text` has come, after what an earlier call has seen; false if it does not.
    bool sees(const std::string& text, std::chrono::seconds limit = 15s);
    /// Reads until the program has ended; its code as in Outcome.
    int wait(std::chrono::seconds limit = 30s);
    /// Whether the terminal is in its usual mode: lines, echo, Ctrl-C as a signal.
    [[nodiscard]] bool is_cooked() const;

    /// Everything that was shown.
    [[nodiscard]] const std::string& shown() const { return shown_; }

private:
    bool read_some(int milliseconds);

    int master_ = -1;
    /// Held so that the mode can still be looked at when the program has gone.
    int terminal_ = -1;
    pid_t pid_ = 0;
    int code_ = -2;
    std::size_t seen_ = 0;
    std::string shown_;
};

} // namespace stead::system_test
