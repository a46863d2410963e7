#include "cli/boot_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "cli/console.h"
#include "cli/short_text.h"
#include "cli/svg_text.h"
#include "cli/words.h"

namespace stead::cli {

namespace {

constexpr double kRow = 26;
constexpr double kBar = 14;
constexpr double kThin = 4;
constexpr double kTop = 122;
constexpr double kPlot = 900;
constexpr double kMargin = 28;
/// Room for the words behind the last bar.
constexpr double kRight = 120;
constexpr double kLetter = 6.9;
constexpr std::size_t kLongestName = 34;
constexpr std::size_t kMostRows = 2000;

constexpr std::string_view kStyle = R"(<style>
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-size: 12px; fill: #263238; }
.title { font-size: 22px; font-weight: 600; }
.quiet { fill: #607d8b; }
.small { font-size: 11px; }
.name { text-anchor: end; }
.slow { font-weight: 600; }
.tick { text-anchor: middle; font-size: 11px; fill: #78909c; }
.page { fill: #ffffff; }
.band { fill: #f5f7f9; }
.grid { stroke: #e3e8ec; stroke-width: 1; }
.axis { stroke: #b0bec5; stroke-width: 1; }
.waiting { fill: #b0bec5; }
.loading { fill: #7e9bd1; }
.starting { fill: #f0a830; }
.up { fill: #66bb6a; fill-opacity: 0.55; }
.failed { fill: #e05252; }
.chain { stroke: #c2185b; stroke-width: 1.4; fill: none; stroke-opacity: 0.75; }
.chain-end { fill: #c2185b; }
.ready { stroke: #2e7d32; stroke-width: 1.4; stroke-dasharray: 5 3; }
.ready-text { text-anchor: middle; fill: #2e7d32; font-weight: 600; font-size: 11px; }
.failed-text { fill: #c62828; }
@media (prefers-color-scheme: dark) {
text { fill: #e4e9ec; }
.page { fill: #171b1f; }
.band { fill: #1f252a; }
.grid { stroke: #2c343a; }
.axis { stroke: #56636b; }
.quiet, .tick { fill: #90a4ae; }
.waiting { fill: #56636b; }
.ready { stroke: #81c784; }
.ready-text { fill: #81c784; }
.failed-text { fill: #ef9a9a; }
.chain { stroke: #f06292; }
.chain-end { fill: #f06292; }
}
</style>
)";

std::string shortened(std::string_view name) {
    return shorten(safe(name), kLongestName);
}

/// The distance of two ticks: 1, 2 or 5 times a power of ten, so that about ten of them fit.
double tick_step(double seconds) {
    const double rough = seconds / 10;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (rough <= factor * power) return factor * power;
    }
    return 10 * power;
}

class Chart {
public:
    Chart(const Boot& boot, std::string_view machine)
        : boot_(boot)
        , machine_(machine)
        , rows_(std::min(boot.units.size(), kMostRows)) {
        find_chain();
        measure();
    }

    std::string draw() {
        out_ = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                           "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" "
                           "height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\">\n"
                           "<title>Boot of {2}</title>\n",
                           width_, height_, xml(safe(boot_.name)));
        out_ += kStyle;
        rectangle("page", 0, 0, width_, height_);
        heading();
        bands();
        axis();
        loading();
        for (std::size_t i = 0; i < rows_; ++i)
            row(i);
        chain();
        ready();
        footnotes();
        return std::move(out_) + "</svg>\n";
    }

private:
    void find_chain() {
        const auto last = last_to_settle(boot_);
        if (!last) return;
        ChainLink link = critical_chain(boot_, *last, Duration{});
        while (true) {
            chain_.push_back(link.unit);
            if (link.below.empty()) return;
            ChainLink next = std::move(link.below.front());
            link = std::move(next);
        }
    }

    void measure() {
        Duration end = boot_.ready.value_or(boot_.now);
        for (const BootUnit& unit : boot_.units)
            end = std::max(end, unit.settled().value_or(boot_.now));
        end_ = std::max(static_cast<double>(end.ns) / 1e9, 1e-3) * 1.08;
        std::size_t longest = std::string_view("stead-init").size();
        for (std::size_t i = 0; i < rows_; ++i)
            longest = std::max(longest, columns(shortened(boot_.units[i].name)));
        left_ = kMargin + static_cast<double>(longest) * kLetter + 14;
        width_ = left_ + kPlot + kRight;
        bottom_ = kTop + static_cast<double>(rows_ + 1) * kRow;
        height_ = bottom_ + (boot_.others.empty() && rows_ == boot_.units.size() ? 54 : 88);
    }

    [[nodiscard]] double x(Duration time) const {
        return left_ + std::min(static_cast<double>(time.ns) / 1e9, end_) / end_ * kPlot;
    }

    /// The middle of a row; row 0 is stead-init's own.
    [[nodiscard]] static double y(std::size_t row) {
        return kTop + (static_cast<double>(row) + 0.5) * kRow;
    }

    void rectangle(std::string_view style, double left, double top, double width, double height) {
        out_ += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                            "height=\"{:.1f}\"/>\n",
                            style, left, top, std::max(width, 0.0), height);
    }

    void text(std::string_view style, double left, double base, std::string_view words) {
        out_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", style, left,
                            base, xml(words));
    }

    void line(std::string_view style, double left, double top, double right, double bottom) {
        out_ += fmt::format("<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" "
                            "y2=\"{:.1f}\"/>\n",
                            style, left, top, right, bottom);
    }

    /// A bar of `style` in the middle of `row`, at least wide enough to be seen.
    void bar(std::string_view style, Duration from, Duration to, std::size_t row, double height) {
        out_ += fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                            "height=\"{:.1f}\" rx=\"2\"/>\n",
                            style, x(from), y(row) - height / 2, std::max(x(to) - x(from), 1.5),
                            height);
    }

    void heading() {
        text("title", kMargin, 42, "Boot of " + safe(boot_.name));
        const auto count = boot_.units.size();
        std::string facts = boot_.ready ? "up after " + fine_words(*boot_.ready)
                                        : "not up yet after " + fine_words(boot_.now);
        facts += fmt::format("  ·  {} unit{}  ·  {}  ·  stead {}", count, count == 1 ? "" : "s",
                             safe(machine_), STEAD_VERSION);
        text("quiet", kMargin, 63, facts);

        struct Entry {
            std::string_view style;
            std::string_view words;
            double height;
        };

        constexpr std::array kEntries = {Entry{"loading", "reading units", kBar},
                                         Entry{"waiting", "waiting", kThin},
                                         Entry{"starting", "starting", kBar},
                                         Entry{"up", "up", kBar}, Entry{"failed", "failed", kBar}};
        double at = kMargin;
        for (const Entry& entry : kEntries) {
            rectangle(entry.style, at, 85 - entry.height / 2, 22, entry.height);
            text("small", at + 28, 89, entry.words);
            at += 46 + static_cast<double>(entry.words.size()) * 6.4;
        }
        if (chain_.size() < 2) return;
        line("chain", at, 85, at + 22, 85);
        text("small", at + 28, 89, "who held the boot up");
    }

    void bands() {
        for (std::size_t row = 0; row <= rows_; row += 2)
            rectangle("band", 0, y(row) - kRow / 2, width_, kRow);
    }

    void axis() {
        const double step = tick_step(end_);
        const bool fine = end_ < 1;
        const double unit = fine ? 1e-3 : 1;
        const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step / unit))));
        for (int i = 0; i * step <= end_; ++i) {
            const double at = left_ + i * step / end_ * kPlot;
            line("grid", at, kTop, at, bottom_);
            const std::string words =
                fmt::format("{:.{}f} {}", i * step / unit, digits, fine ? "ms" : "s");
            text("tick", at, kTop - 7, words);
            text("tick", at, bottom_ + 16, words);
        }
        line("axis", left_, kTop, left_ + kPlot, kTop);
        line("axis", left_, bottom_, left_ + kPlot, bottom_);
    }

    void loading() {
        text("name quiet", left_ - 10, y(0) + 4, "stead-init");
        out_ += "<g><title>" + xml("stead-init read the units in " + fine_words(boot_.loaded)) +
                "</title>\n";
        bar("loading", {}, boot_.loaded, 0, kBar);
        out_ += "</g>\n";
        text("small quiet", x(boot_.loaded) + 6, y(0) + 4, fine_words(boot_.loaded));
    }

    [[nodiscard]] bool in_chain(std::size_t unit) const {
        return std::find(chain_.begin(), chain_.end(), unit) != chain_.end();
    }

    [[nodiscard]] std::string tooltip(const BootUnit& unit) const {
        std::string words = safe(unit.name);
        if (!unit.description.empty()) words += " – " + safe(unit.description);
        words += fmt::format("\nbegan at {}", fine_words(unit.began));
        const Duration waited = unit.began - boot_.loaded;
        if (waited.ns > 0) words += ", after waiting for " + fine_words(waited);
        const std::string took = fine_words(boot_.took(unit));
        if (unit.failed()) {
            words += "\nfailed after " + took;
            if (unit.up) words += ", up at last at " + fine_words(*unit.up);
        } else {
            words += unit.settled() ? "\nup after " + took : "\nstill starting after " + took;
        }
        return words.append("\nnow ").append(state_name(unit.state));
    }

    /// The words behind the bars, and how they are shown.
    [[nodiscard]] std::pair<std::string, std::string_view> remark(const BootUnit& unit) const {
        const std::string took = fine_words(boot_.took(unit));
        if (unit.failed() && !unit.up) return {"failed after " + took, "small failed-text"};
        if (unit.failed()) return {"up at the second try or later, " + took, "small"};
        if (!unit.settled()) return {"still starting, " + took, "small"};
        if (unit.type == UnitType::Target) return {"reached", "small quiet"};
        return {took, "small"};
    }

    void row(std::size_t index) {
        const BootUnit& unit = boot_.units[index];
        const std::size_t line = index + 1;
        const Duration settled = unit.settled().value_or(boot_.now);
        out_ += "<g><title>" + xml(tooltip(unit)) + "</title>\n";
        text(in_chain(index) ? "name slow" : "name", left_ - 10, y(line) + 4, shortened(unit.name));
        if (unit.began > boot_.loaded) bar("waiting", boot_.loaded, unit.began, line, kThin);
        if (unit.failed()) {
            bar("failed", unit.began, *unit.over, line, kBar);
            if (unit.up) bar("waiting", *unit.over, *unit.up, line, kThin);
        } else if (settled > unit.began || unit.type != UnitType::Target) {
            bar("starting", unit.began, settled, line, kBar);
        }
        Duration end = settled;
        if (unit.up) {
            const bool gone = unit.over && *unit.over > *unit.up;
            end = gone && unit.type != UnitType::Oneshot ? *unit.over : ending_;
            if (unit.type != UnitType::Oneshot || unit.state == UnitState::Done)
                bar("up", *unit.up, end, line, kBar);
        }
        const auto [words, style] = remark(unit);
        text(style, x(settled) + 7, y(line) + 4, words);
        out_ += "</g>\n";
    }

    /// From the end of what was waited for, down to the bar that waited for it.
    void chain() {
        for (std::size_t i = 0; i + 1 < chain_.size(); ++i) {
            const BootUnit& before = boot_.units[chain_[i + 1]];
            const std::size_t from = chain_[i + 1] + 1;
            const std::size_t to = chain_[i] + 1;
            if (from > rows_ || to > rows_ || !before.settled()) continue;
            const double start = x(*before.settled());
            const double end = x(boot_.units[chain_[i]].began);
            const double direction = to > from ? 1 : -1;
            const double top = y(from) + direction * kBar / 2;
            const double tip = y(to) - direction * (kBar / 2 + 2);
            out_ +=
                fmt::format("<path class=\"chain\" d=\"M{:.1f} {:.1f} V{:.1f} H{:.1f} V{:.1f}\"/>\n"
                            "<circle class=\"chain-end\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.4\"/>\n",
                            start, top, y(to) - direction * kRow / 2, end, tip, end, tip);
        }
    }

    void ready() {
        if (!boot_.ready) return;
        const double at = x(*boot_.ready);
        line("ready", at, kTop - 2, at, bottom_ + 22);
        text("ready-text", at, bottom_ + 35, "up after " + fine_words(*boot_.ready));
    }

    void footnotes() {
        double base = bottom_ + 60;
        if (rows_ < boot_.units.size()) {
            text("quiet small", kMargin, base,
                 fmt::format("{} more units began later and are not shown",
                             boot_.units.size() - rows_));
            base += 18;
        }
        if (boot_.others.empty()) return;
        std::string words = "Not started by the boot: ";
        for (std::size_t i = 0; i < boot_.others.size(); ++i)
            words.append(i == 0 ? "" : ", ").append(safe(boot_.others[i]));
        text("quiet small", kMargin, base,
             shorten(words, static_cast<std::size_t>((width_ - 2 * kMargin) / 6.2)));
    }

    const Boot& boot_;
    std::string_view machine_;
    std::size_t rows_;
    /// Units that held the boot up, the last one first.
    std::vector<std::size_t> chain_;
    /// Right end of the axis in seconds, and past every end.
    double end_ = 1;
    Duration ending_ = Duration::infinity();
    double left_ = 0;
    double width_ = 0;
    double bottom_ = 0;
    double height_ = 0;
    std::string out_;
};

} // namespace

std::string draw_boot(const Boot& boot, std::string_view machine) {
    return Chart(boot, machine).draw();
}

} // namespace stead::cli
