#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <termios.h>

#include "base/result.h"
#include "keep/relay.h"
#include "keep/settings.h"

namespace stead::keep {

/// A foreground jail's standard streams: three pipes, or our terminal joined to the jail's own pty.
/// The jail never holds our terminal itself, so nothing it does to its terminal reaches ours but
/// bytes.
class Foreground {
public:
    using Memory = std::array<Relay::Memory, 3>;

    /// epoll tokens `first_token` + 0..2 are ours.
    Foreground(int epoll, std::uint64_t first_token, Given given, Memory& memory)
        : epoll_(epoll)
        , first_token_(first_token)
        , given_(given)
        , relays_{Relay(memory[kIn]), Relay(memory[kOut]), Relay(memory[kErr])} {}

    ~Foreground();
    Foreground(const Foreground&) = delete;
    Foreground& operator=(const Foreground&) = delete;
    Foreground(Foreground&&) = delete;
    Foreground& operator=(Foreground&&) = delete;

    /// Takes the descriptors of wire/boot.h that were given.
    Result<void> open();

    [[nodiscard]] bool in_use() const { return used_; }

    /// Moves what can be moved and watches what to wait for; true if it must be called again at
    /// once, because a descriptor cannot be watched (a plain file).
    bool pump();

    /// The terminal's size changed.
    void resize();
    /// We were stopped and go on: the shell has set the terminal as it likes.
    void resume();

    /// Our window is gone, and with it the jail's: its terminal hangs up, as a line does. A shell
    /// may miss a signal, never that.
    void hang_up();

    /// The jail has ended: its input is closed, its output goes on until it is empty.
    void input_over();

    /// All output has been delivered, or nobody takes it.
    [[nodiscard]] bool drained() const;
    /// Throws away what nobody takes.
    void give_up();

    /// Gives the terminal back as it was.
    void restore();

private:
    enum Line : std::size_t { kIn, kOut, kErr, kLines };

    void watch(Line line);
    void unwatch(Line line);
    void make_raw();
    void end_of_input();

    int epoll_;
    std::uint64_t first_token_;
    Given given_;
    bool used_ = false;
    bool terminal_ = false;
    bool busy_ = false;
    std::optional<termios> before_;
    std::array<int, kLines> watched_{-1, -1, -1};
    std::array<Relay, kLines> relays_;
};

} // namespace stead::keep
