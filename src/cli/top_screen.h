#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"

namespace stead::cli {

/// A key as `top` understands it.
enum class Key {
    /// Nothing came in time.
    None,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Start,
    Stop,
    Restart,
    Logs,
    Order,
    Help,
    Yes,
    Refresh,
    Quit,
    /// The terminal has another size: what is drawn next fits it.
    Resize,
    Other
};

/// One line of the screen.
struct ScreenLine {
    std::string text;
    Colour colour = Colour::None;
    bool reversed = false;
};

/// The whole terminal, as long as it lives; afterwards it is as it was. The only file that knows
/// ncurses is top_screen.cpp.
class Screen {
public:
    /// Nothing when the terminal's type is unknown here; `problem` then says so.
    static std::optional<Screen> open(std::string& problem);

    Screen(Screen&&) noexcept;
    Screen& operator=(Screen&&) noexcept;
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;
    ~Screen();

    [[nodiscard]] std::size_t width() const;
    [[nodiscard]] std::size_t height() const;

    /// Shows `lines` from the top; what does not fit is left out.
    void draw(const std::vector<ScreenLine>& lines);

    /// The next key, waiting up to `timeout_ms`. Quit also when the terminal has gone.
    Key read_key(int timeout_ms);

private:
    struct Impl;
    explicit Screen(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace stead::cli
