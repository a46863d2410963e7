#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/records.h"

/// A guest's boot as `plot`, `blame` and `critical-chain` see it: which units it started, when, and
/// which of them held it up. Plain values made from what PID 1 tells; nothing here asks or prints.
namespace stead::cli {

struct BootUnit {
    std::string name;
    std::string description;
    UnitState state = UnitState::Down;
    UnitType type = UnitType::Exec;
    /// From the boot's start. `up` is nothing when the first start did not lead there; `over` is
    /// nothing while it goes on.
    Duration began;
    std::optional<Duration> up;
    std::optional<Duration> over;
    /// Its work is done, at the first attempt: where it was over before it was up, the rest of its
    /// processes was ended in between.
    bool done_at_once = false;
    /// Indices of units it starts after, whatever became of them.
    std::vector<std::size_t> after;

    /// The first start ended without the unit having been up.
    [[nodiscard]] bool failed() const {
        return over.has_value() && (!up || (*over < *up && !done_at_once));
    }

    /// When others no longer had to wait for it: it was up, or would not be; nothing: they still
    /// wait.
    [[nodiscard]] std::optional<Duration> settled() const { return up ? up : over; }
};

struct Boot {
    std::string name;
    /// Units that the boot started, in the order in which they began (then by name).
    std::vector<BootUnit> units;
    /// Units it did not start.
    std::vector<std::string> others;
    /// When the units had been loaded and the first of them could begin.
    Duration loaded;
    /// When every unit had settled; nothing while they have not.
    std::optional<Duration> ready;
    /// Now, from the boot's start.
    Duration now;

    [[nodiscard]] std::optional<std::size_t> find(std::string_view unit) const;
    /// What the first start of `unit` took; up to now when it goes on.
    [[nodiscard]] Duration took(const BootUnit& unit) const;
};

/// `units` in the order in which they came: their dependencies count it.
Boot read_boot(std::string name, const GuestRecord& guest, const std::vector<UnitRecord>& units);

/// Indices into Boot::units, the slowest start first. Units that took no time at all (targets) are
/// left out.
std::vector<std::size_t> slowest_first(const Boot& boot);

/// One unit of a critical chain: below it what it waited for.
struct ChainLink {
    std::size_t unit = 0;
    std::vector<ChainLink> below;
};

/// What `unit` waited for last, and what that waited for, down to a unit that waited for nothing.
/// Beside the last one also those that settled at most `fuzz` before it. Each unit appears once,
/// where it was met first.
ChainLink critical_chain(const Boot& boot, std::size_t unit, Duration fuzz);

/// The unit that settled last and so made the boot take as long as it did; nothing for a boot
/// without units.
std::optional<std::size_t> last_to_settle(const Boot& boot);

/// "980 µs", "12.4 ms", "3.412 s", "2 min 5 s": finer than duration_words.
std::string fine_words(Duration duration);

nlohmann::json to_json(const Boot& boot);

} // namespace stead::cli
