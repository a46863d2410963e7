#include "cli/top_screen.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#define NCURSES_NOMACROS
#include <curses.h>

#include "cli/short_text.h"

namespace stead::cli {

namespace {

constexpr int kControlC = 3;
constexpr int kControlL = 12;
constexpr int kControlZ = 26;
/// How long ESC alone is waited for: it also begins the arrow keys.
constexpr int kEscapeMs = 50;

enum Pair : short { kRed = 1, kGreen, kYellow };

/// Names are UTF-8. Where the environment asks for nothing (or for a locale that is not there), the
/// one that every glibc has is taken.
void use_utf8() {
    // One thread, at the start.
    const char* chosen = std::setlocale(LC_CTYPE, ""); // NOLINT(concurrency-mt-unsafe)
    const std::string_view name = chosen == nullptr ? "C" : chosen;
    if (name == "C" || name == "POSIX")
        (void)std::setlocale(LC_CTYPE, "C.UTF-8"); // NOLINT(concurrency-mt-unsafe)
}

chtype attributes_of(const ScreenLine& line) {
    chtype attributes = line.reversed ? A_REVERSE : A_NORMAL;
    switch (line.colour) {
    case Colour::Red:
        return attributes | static_cast<chtype>(COLOR_PAIR(kRed));
    case Colour::Green:
        return attributes | static_cast<chtype>(COLOR_PAIR(kGreen));
    case Colour::Yellow:
        return attributes | static_cast<chtype>(COLOR_PAIR(kYellow));
    case Colour::Dim:
        return attributes | A_DIM;
    case Colour::Bold:
        return attributes | A_BOLD;
    case Colour::None:
        break;
    }
    return attributes;
}

bool terminal_gone() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return ::poll(&input, 1, 0) == 1 && (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

Key letter_key(int code) {
    switch (code) {
    case 'k':
        return Key::Up;
    case 'j':
        return Key::Down;
    case ' ':
        return Key::PageDown;
    case 'g':
        return Key::Home;
    case 'G':
        return Key::End;
    case 's':
        return Key::Start;
    case 't':
        return Key::Stop;
    case 'r':
        return Key::Restart;
    case 'l':
    case '\n':
    case '\r':
        return Key::Logs;
    case 'o':
        return Key::Order;
    case 'h':
    case '?':
        return Key::Help;
    case 'y':
        return Key::Yes;
    case 'q':
    case kControlC:
        return Key::Quit;
    case kControlL:
        return Key::Refresh;
    default:
        return Key::Other;
    }
}

Key key_of(int code) {
    switch (code) {
    case KEY_UP:
        return Key::Up;
    case KEY_DOWN:
        return Key::Down;
    case KEY_PPAGE:
        return Key::PageUp;
    case KEY_NPAGE:
        return Key::PageDown;
    case KEY_HOME:
        return Key::Home;
    case KEY_END:
        return Key::End;
    case KEY_ENTER:
        return Key::Logs;
    case KEY_RESIZE:
        return Key::Resize;
    default:
        return letter_key(code);
    }
}

} // namespace

struct Screen::Impl {
    SCREEN* screen = nullptr;

    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    Impl(Impl&&) = delete;
    Impl& operator=(Impl&&) = delete;

    ~Impl() {
        if (screen == nullptr) return;
        (void)::endwin();
        ::delscreen(screen);
    }
};

Screen::Screen(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

Screen::Screen(Screen&&) noexcept = default;
Screen& Screen::operator=(Screen&&) noexcept = default;
Screen::~Screen() = default;

std::optional<Screen> Screen::open(std::string& problem) {
    use_utf8();
    // One thread, and nobody changes the environment.
    const char* type = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe)
    auto impl = std::make_unique<Impl>();
    impl->screen = type == nullptr ? nullptr : ::newterm(nullptr, stdout, stdin);
    if (impl->screen == nullptr) {
        problem = type == nullptr ? "TERM is not set"
                                  : "the terminal type '" + safe(type) + "' is not known here";
        return std::nullopt;
    }
    // Every key is ours, also Ctrl-C: a screen left half drawn helps nobody.
    (void)::raw();
    (void)::noecho();
    (void)::nonl();
    (void)::keypad(stdscr, TRUE);
    (void)::set_escdelay(kEscapeMs);
    (void)::curs_set(0);
    if (::has_colors() && ::start_color() == OK) {
        (void)::use_default_colors();
        (void)::init_pair(kRed, COLOR_RED, -1);
        (void)::init_pair(kGreen, COLOR_GREEN, -1);
        (void)::init_pair(kYellow, COLOR_YELLOW, -1);
    }
    return Screen(std::move(impl));
}

std::size_t Screen::width() const {
    return static_cast<std::size_t>(std::max(::getmaxx(stdscr), 1));
}

std::size_t Screen::height() const {
    return static_cast<std::size_t>(std::max(::getmaxy(stdscr), 1));
}

void Screen::draw(const std::vector<ScreenLine>& lines) {
    (void)::werase(stdscr);
    for (std::size_t i = 0; i < std::min(lines.size(), height()); ++i) {
        const ScreenLine& line = lines[i];
        const std::string text =
            line.reversed ? fitted(line.text, width()) : shorten(line.text, width());
        (void)::wattrset(stdscr, static_cast<int>(attributes_of(line)));
        (void)::mvwaddnstr(stdscr, static_cast<int>(i), 0, text.data(),
                           static_cast<int>(text.size()));
    }
    (void)::wattrset(stdscr, A_NORMAL);
    (void)::wrefresh(stdscr);
}

Key Screen::read_key(int timeout_ms) {
    ::wtimeout(stdscr, timeout_ms);
    const int code = ::wgetch(stdscr);
    if (code == ERR) return terminal_gone() ? Key::Quit : Key::None;
    if (code == kControlZ) {
        // ncurses' handler gives the terminal back, and takes it again afterwards.
        (void)::raise(SIGTSTP);
        return Key::Refresh;
    }
    const Key key = key_of(code);
    if (key == Key::Refresh) (void)::clearok(stdscr, TRUE);
    return key;
}

} // namespace stead::cli
