#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/console.h"
#include "cli/unit_usage.h"

/// What `top` shows, without a terminal: its rows, how they are sorted, and what each looks like in
/// a given width.
namespace stead::cli {

struct TopRow {
    /// Empty: our own guest.
    std::string guest;
    /// Empty: the line of the guest itself.
    std::string unit;
    std::string state;
    Colour colour = Colour::None;
    std::optional<Duration> uptime;
    std::int64_t restarts = 0;
    Usage usage;
    /// Percent of one CPU since the last look.
    std::optional<double> cpu;
    std::string why;

    [[nodiscard]] Target target() const { return {.guest = guest, .unit = unit}; }
};

enum class TopOrder { Name, State, Cpu, Memory };

std::string_view order_name(TopOrder order);
TopOrder next_order(TopOrder order);

/// Turns growing counters into percent of a CPU.
class CpuRates {
public:
    /// Fills `row.cpu` from what was read at `now` and at the look before. A counter that ran
    /// backwards belongs to another life of the unit and gives nothing.
    void rate(TopRow& row, Instant now);

private:
    struct Sample {
        std::int64_t microseconds = 0;
        Instant at;
    };

    std::map<std::string, Sample, std::less<>> last_;
};

/// Sorts the units below each guest's line; guests stay where they are.
void sort_rows(std::vector<TopRow>& rows, TopOrder order);

/// The heading, and a row, in `width` characters.
std::string top_heading(std::size_t width, TopOrder order);
std::string top_line(const TopRow& row, std::size_t width);

/// The first row to show, so that `selected` of `count` is seen in `height` lines and as little
/// moves as possible.
std::size_t
scrolled(std::size_t first, std::size_t selected, std::size_t count, std::size_t height);

nlohmann::json to_json(const TopRow& row);

} // namespace stead::cli
