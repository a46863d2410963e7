#include <unistd.h>

#include <array>

#include <nlohmann/json.hpp>

#include "cli/client_verbs.h"
#include "cli/log_line.h"
#include "cli/options.h"
#include "cli/top_look.h"
#include "cli/top_screen.h"
#include "cli/words.h"
#include "sys/clock.h"

/// top: guests and their units, live, with keys that start, stop and restart.
namespace stead::cli {

namespace {

/// PID 1 takes an order at once, or hangs.
constexpr Duration kOrderLimit = 1_s;
constexpr Duration kShortestInterval = Duration{100'000'000};
constexpr std::size_t kLogShare = 3;
constexpr std::size_t kMostLogLines = 15;
constexpr std::string_view kKeys =
    " arrows select   s start   t stop   r restart   l log   o order   h help   q quit";

constexpr auto kHelp = std::to_array<std::string_view>(
    {"", "  up, down, j, k      select a unit            g, G, Home, End   first, last",
     "  PageUp, PageDown    a page                   space             a page down",
     "  s                   start the unit           t                 stop it (asks)",
     "  r                   restart it (asks)        l, Enter          its log, on and off",
     "  o                   order: name, state, cpu, memory",
     "  Ctrl-L              draw again               q, Ctrl-C         leave", "",
     "  CPU% is of one CPU since the last look. MEMORY is what the unit's cgroup is charged;",
     "  without that controller, the resident memory of its processes. - is not known.", "",
     "  Any key goes back."});

struct TopWishes {
    std::string name;
    std::string interval = "1s";
    bool json = false;
};

class Top {
public:
    Top(Asking& asking, std::vector<Target> fixed, Screen& screen)
        : asking_(asking)
        , fixed_(std::move(fixed))
        , screen_(screen) {}

    int run(Duration interval) {
        Instant next = sys::now();
        while (true) {
            if (sys::now() >= next) {
                look();
                next = sys::now() + interval;
            }
            draw();
            const Duration left = next - sys::now();
            const Key key =
                screen_.read_key(static_cast<int>(std::max<std::int64_t>(left.ms() + 1, 0)));
            if (key == Key::Quit) return kDone;
            if (key != Key::None && obey(key)) next = sys::now();
        }
    }

private:
    [[nodiscard]] const Place& place() const { return asking_.place(); }

    [[nodiscard]] std::vector<Target> targets() const {
        if (!fixed_.empty()) return fixed_;
        std::vector<Target> all;
        for (const std::string& name : place().guests())
            all.push_back({.guest = name, .unit = {}});
        return all;
    }

    void look() {
        const std::string chosen = selected_ < rows_.size() ? rows_[selected_].target().text() : "";
        std::vector<TopRow> rows;
        for (const Target& target : targets())
            append_rows(place(), target, rows);
        const Instant now = sys::now();
        for (std::size_t i = rows.size(); i-- > 0;)
            rates_.rate(rows[i], now);
        sum_rates(rows);
        sort_rows(rows, order_);
        rows_ = std::move(rows);
        // The selection follows its unit, wherever the order puts it.
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            if (rows_[i].target().text() == chosen) selected_ = i;
        }
        selected_ = rows_.empty() ? 0 : std::min(selected_, rows_.size() - 1);
        if (show_log_) read_log();
    }

    void read_log() {
        log_.clear();
        if (rows_.empty() || rows_[selected_].unit.empty()) return;
        const Target target = rows_[selected_].target();
        auto client = Client::connect(place().control(target));
        if (client)
            log_ = last_lines(asking_, *client, target, static_cast<std::int64_t>(kMostLogLines));
    }

    [[nodiscard]] std::size_t log_height() const {
        return show_log_ ? std::min(screen_.height() / kLogShare, kMostLogLines + 1) : 0;
    }

    /// Lines for rows: all but headline, heading, log and keys.
    [[nodiscard]] std::size_t room() const {
        const std::size_t taken = 3 + log_height();
        return screen_.height() > taken ? screen_.height() - taken : 1;
    }

    void draw() {
        if (help_) {
            std::vector<ScreenLine> lines{{"stead top", Colour::Bold}};
            for (const std::string_view line : kHelp)
                lines.push_back({std::string(line)});
            return screen_.draw(lines);
        }
        const std::size_t width = screen_.width();
        std::vector<ScreenLine> lines{headline(), {top_heading(width, order_), Colour::None, true}};
        first_ = scrolled(first_, selected_, rows_.size(), room());
        for (std::size_t i = first_; i < std::min(first_ + room(), rows_.size()); ++i)
            lines.push_back({top_line(rows_[i], width), rows_[i].colour, i == selected_});
        if (rows_.empty()) lines.push_back({"  no guest is running", Colour::Dim});
        lines.resize(std::max<std::size_t>(screen_.height() - 1 - log_height(), 2));
        draw_log(lines);
        lines.push_back({std::string(kKeys), Colour::None, true});
        screen_.draw(lines);
    }

    [[nodiscard]] ScreenLine headline() const {
        if (!message_.empty()) return {message_, asks_ ? Colour::Yellow : Colour::None};
        std::size_t guests = 0;
        std::size_t failed = 0;
        for (const TopRow& row : rows_) {
            guests += row.unit.empty() ? 1 : 0;
            failed += row.state == "failed" ? 1 : 0;
        }
        std::string text = "stead top: " + std::to_string(guests) +
                           (guests == 1 ? " guest, " : " guests, ") +
                           std::to_string(rows_.size() - guests) + " units";
        if (failed > 0) text += ", " + std::to_string(failed) + " failed";
        return {text, failed > 0 ? Colour::Red : Colour::Bold};
    }

    void draw_log(std::vector<ScreenLine>& lines) const {
        const std::size_t height = log_height();
        if (height == 0) return;
        const bool unit = selected_ < rows_.size() && !rows_[selected_].unit.empty();
        lines.push_back({unit ? "log of " + rows_[selected_].target().text()
                              : std::string("log: select a unit"),
                         Colour::None, true});
        const std::size_t first = log_.size() > height - 1 ? log_.size() - (height - 1) : 0;
        for (std::size_t i = first; i < log_.size(); ++i) {
            const auto parsed = parse_log_line(log_[i]);
            // Date and microseconds say nothing in a tail.
            if (parsed)
                lines.push_back({std::string(parsed->time.substr(
                                     std::min<std::size_t>(11, parsed->time.size()), 8)) +
                                 " " + safe(parsed->text)});
        }
        lines.resize(std::max<std::size_t>(screen_.height() - 1, 2));
    }

    void select(std::size_t to) {
        selected_ = rows_.empty() ? 0 : std::min(to, rows_.size() - 1);
        if (show_log_) read_log();
    }

    /// True when the rows are to be looked at again at once.
    bool obey(Key key) {
        if (help_) {
            help_ = key == Key::Resize;
            return false;
        }
        if (asks_) return answered(key == Key::Yes);
        message_.clear();
        const std::size_t page = std::max<std::size_t>(room(), 2) - 1;
        switch (key) {
        case Key::Up:
            select(selected_ > 0 ? selected_ - 1 : 0);
            break;
        case Key::Down:
            select(selected_ + 1);
            break;
        case Key::PageUp:
            select(selected_ > page ? selected_ - page : 0);
            break;
        case Key::PageDown:
            select(selected_ + page);
            break;
        case Key::Home:
            select(0);
            break;
        case Key::End:
            select(rows_.size());
            break;
        case Key::Logs:
            show_log_ = !show_log_;
            if (show_log_) read_log();
            break;
        case Key::Order:
            order_ = next_order(order_);
            message_ = "ordered by " + std::string(order_name(order_));
            return true;
        case Key::Help:
            help_ = true;
            break;
        case Key::Start:
        case Key::Stop:
        case Key::Restart:
            return wish(key);
        case Key::Refresh:
            return true;
        case Key::None:
        case Key::Yes:
        case Key::Quit:
        case Key::Resize:
        case Key::Other:
            break;
        }
        return false;
    }

    /// A start does no harm; the others are asked about first.
    bool wish(Key key) {
        if (selected_ >= rows_.size() || rows_[selected_].unit.empty()) {
            message_ = "select a unit first: this is a guest";
            return false;
        }
        const wire::Kind kind = key == Key::Start  ? wire::Kind::Start
                                : key == Key::Stop ? wire::Kind::Stop
                                                   : wire::Kind::Restart;
        wish_ = {.kind = kind,
                 .verb = key == Key::Start  ? "start"
                         : key == Key::Stop ? "stop"
                                            : "restart",
                 .target = rows_[selected_].target()};
        if (kind == wire::Kind::Start) return answered(true);
        asks_ = true;
        message_ = wish_.verb + " " + safe(wish_.target.text()) + "? y: yes, any other key: no";
        return false;
    }

    bool answered(bool yes) {
        asks_ = false;
        const std::string what = wish_.verb + " " + safe(wish_.target.text());
        message_ = what + (yes ? ": " + order(wish_.kind, wish_.target) : ": no");
        return yes;
    }

    /// Asks PID 1 and waits only for its word that it will.
    std::string order(wire::Kind kind, const Target& target) {
        auto client = Client::connect(place().control(target));
        if (!client) return std::string(describe(client.error()).view());
        std::array<std::byte, 512> buffer;
        wire::Writer request(buffer, kind);
        request.text(wire::Tag::Name, target.unit).number(wire::Tag::Flags, wire::kNoWait);
        if (const auto sent = client->send(request); !sent)
            return std::string(describe(sent.error()).view());
        const Instant limit = sys::now() + kOrderLimit;
        while (true) {
            const auto answer = client->receive(limit);
            if (!answer) return std::string(describe(answer.error()).view());
            if (!*answer) return "PID 1 does not answer";
            const wire::Reader& message = *(*answer)->reader;
            if (message.kind() != wire::Kind::End) continue;
            if (message.number(wire::Tag::Code) == kDone) return "asked for";
            const auto text = message.text(wire::Tag::Text);
            return text.empty() ? "could not" : safe(text);
        }
    }

    struct Wish {
        wire::Kind kind = wire::Kind::Start;
        std::string verb;
        Target target;
    };

    Asking& asking_;
    std::vector<Target> fixed_;
    Screen& screen_;
    std::vector<TopRow> rows_;
    CpuRates rates_;
    std::vector<std::string> log_;
    std::string message_;
    Wish wish_;
    TopOrder order_ = TopOrder::Name;
    std::size_t selected_ = 0;
    std::size_t first_ = 0;
    bool show_log_ = true;
    bool asks_ = false;
    bool help_ = false;
};

int print_once(Asking& asking, const std::vector<Target>& targets) {
    std::vector<TopRow> rows;
    for (const Target& target : targets)
        append_rows(asking.place(), target, rows);
    nlohmann::json list = nlohmann::json::array();
    for (const TopRow& row : rows)
        list.push_back(to_json(row));
    asking.console().json(list);
    return kDone;
}

/// What to watch: the guest that was named (it must answer now), our own, or nothing: all there
/// are, also those to come.
std::optional<std::vector<Target>> chosen(Asking& asking, const std::string& name) {
    if (name.empty() && asking.place().on_host()) return std::vector<Target>{};
    Target target;
    if (!name.empty()) {
        const auto named = asking.target(name);
        if (!named) return std::nullopt;
        if (!named->unit.empty()) {
            asking.fail(kAskedWrongly, "top wants a guest; 'stead status' shows a unit");
            return std::nullopt;
        }
        target = *named;
    }
    if (!asking.open(target)) return std::nullopt;
    return std::vector<Target>{target};
}

} // namespace

int verb_top(Context& context, Arguments arguments) {
    TopWishes wishes;
    Options options(context, "top");
    options.value("-i,--interval", wishes.interval, "TIME", "look again after TIME (1s)");
    options.flag("--json", wishes.json, "one look as JSON");
    options.optional_positional("NAME", wishes.name, "one guest; without it: all");
    if (const auto code = options.parse(arguments)) return *code;
    Asking asking(context, Place::look());
    const auto interval = parse_duration(wishes.interval);
    if (!interval || Duration{*interval} < kShortestInterval) {
        return asking.fail(kAskedWrongly,
                           "--interval is '" + safe(wishes.interval) +
                               "', which is too short or no length of time",
                           "write it as 500ms, 2s or 1m; 100ms is the shortest");
    }
    const auto targets = chosen(asking, wishes.name);
    if (!targets) return asking.code();
    if (wishes.json) {
        std::vector<Target> all = *targets;
        if (all.empty()) {
            for (const std::string& guest : asking.place().guests())
                all.push_back({.guest = guest, .unit = {}});
        }
        return print_once(asking, all);
    }
    if (!context.console.out_is_terminal() || ::isatty(STDIN_FILENO) != 1) {
        return asking.fail(kCouldNot, "top wants a terminal",
                           "'stead top --json' is one look, 'stead status' the state as text");
    }
    std::string problem;
    auto screen = Screen::open(problem);
    if (!screen) {
        return asking.fail(kCouldNot, problem,
                           "set TERM to what is in /lib/terminfo (xterm, linux, vt100), or "
                           "install ncurses-base");
    }
    return Top(asking, *targets, *screen).run(Duration{*interval});
}

} // namespace stead::cli
