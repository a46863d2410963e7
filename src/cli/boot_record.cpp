#include "cli/boot_record.h"

#include <algorithm>
#include <numeric>

#include <nlohmann/json.hpp>

#include "cli/words.h"

namespace stead::cli {

namespace {

/// Its owner starts after the target has settled.
bool orders(DependencyKind kind) {
    return kind == DependencyKind::Requires || kind == DependencyKind::BindsTo ||
           kind == DependencyKind::Wants || kind == DependencyKind::After;
}

/// The boot started it: its first start began before everything had settled.
bool is_of_boot(const GuestRecord& guest, const UnitRecord& unit) {
    if (unit.first.began.ns == 0) return false;
    return guest.ready_time.ns == 0 || unit.first.began <= guest.ready_time;
}

std::optional<Duration> after_start(const GuestRecord& guest, Instant moment) {
    if (moment.ns == 0) return std::nullopt;
    return std::max(moment - guest.boot_time, Duration{});
}

BootUnit boot_unit(const GuestRecord& guest, const UnitRecord& unit) {
    return {.name = unit.name,
            .description = unit.description,
            .state = unit.state,
            .type = unit.type,
            .began = after_start(guest, unit.first.began).value_or(Duration{}),
            .up = after_start(guest, unit.first.up),
            .over = after_start(guest, unit.first.over),
            .done_at_once = unit.state == UnitState::Done && unit.restarts == 0,
            .after = {}};
}

ChainLink link_of(const Boot& boot, std::size_t index, Duration fuzz, std::vector<bool>& seen) {
    seen[index] = true;
    ChainLink link{.unit = index, .below = {}};
    const BootUnit& unit = boot.units[index];
    std::vector<std::size_t> candidates;
    Duration latest;
    for (const std::size_t other : unit.after) {
        const auto settled = boot.units[other].settled();
        // What settled later did not hold it up: it began without it.
        if (!settled || *settled > unit.began) continue;
        candidates.push_back(other);
        latest = std::max(latest, *settled);
    }
    std::erase_if(candidates,
                  [&](std::size_t other) { return latest - *boot.units[other].settled() > fuzz; });
    std::stable_sort(candidates.begin(), candidates.end(), [&](std::size_t a, std::size_t b) {
        return *boot.units[a].settled() > *boot.units[b].settled();
    });
    // Without fuzz there is one chain, also where two settled at the same moment.
    if (fuzz.ns == 0 && candidates.size() > 1) candidates.resize(1);
    for (const std::size_t other : candidates) {
        if (!seen[other]) link.below.push_back(link_of(boot, other, fuzz, seen));
    }
    return link;
}

double seconds(Duration duration) {
    return static_cast<double>(duration.ns) / 1e9;
}

nlohmann::json seconds(const std::optional<Duration>& duration) {
    return duration ? nlohmann::json(seconds(*duration)) : nlohmann::json();
}

} // namespace

std::optional<std::size_t> Boot::find(std::string_view unit) const {
    const auto at = std::find_if(units.begin(), units.end(),
                                 [&](const BootUnit& one) { return one.name == unit; });
    if (at == units.end()) return std::nullopt;
    return static_cast<std::size_t>(at - units.begin());
}

Duration Boot::took(const BootUnit& unit) const {
    return std::max(unit.settled().value_or(now) - unit.began, Duration{});
}

Boot read_boot(std::string name, const GuestRecord& guest, const std::vector<UnitRecord>& units) {
    Boot boot;
    boot.name = std::move(name);
    boot.ready = after_start(guest, guest.ready_time);
    boot.now = std::max(guest.now - guest.boot_time, Duration{});

    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (is_of_boot(guest, units[i])) {
            order.push_back(i);
        } else {
            boot.others.push_back(units[i].name);
        }
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const auto key = [&](std::size_t i) {
            return std::tie(units[i].first.began, units[i].name);
        };
        return key(a) < key(b);
    });
    std::vector<std::size_t> place(units.size(), units.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        place[order[i]] = i;

    for (const std::size_t index : order) {
        BootUnit unit = boot_unit(guest, units[index]);
        for (const Dependency& need : units[index].needs) {
            if (!orders(need.kind) || need.target >= units.size()) continue;
            const std::size_t other = place[need.target];
            const auto known = std::find(unit.after.begin(), unit.after.end(), other);
            if (other < units.size() && known == unit.after.end()) unit.after.push_back(other);
        }
        boot.units.push_back(std::move(unit));
    }
    if (!boot.units.empty()) boot.loaded = boot.units.front().began;
    return boot;
}

std::vector<std::size_t> slowest_first(const Boot& boot) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < boot.units.size(); ++i) {
        if (boot.took(boot.units[i]).ns > 0) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return boot.took(boot.units[a]) > boot.took(boot.units[b]);
    });
    return order;
}

ChainLink critical_chain(const Boot& boot, std::size_t unit, Duration fuzz) {
    std::vector<bool> seen(boot.units.size());
    return link_of(boot, unit, fuzz, seen);
}

std::optional<std::size_t> last_to_settle(const Boot& boot) {
    std::optional<std::size_t> last;
    for (std::size_t i = 0; i < boot.units.size(); ++i) {
        const auto when = [&](std::size_t index) {
            return boot.units[index].settled().value_or(Duration::infinity());
        };
        if (!last || when(i) >= when(*last)) last = i;
    }
    return last;
}

std::string fine_words(Duration duration) {
    const std::int64_t us = std::max<std::int64_t>(duration.ns, 0) / 1000;
    const auto decimal = [](std::int64_t whole, std::int64_t part, std::size_t digits) {
        std::string fraction = std::to_string(part);
        fraction.insert(0, digits - std::min(digits, fraction.size()), '0');
        return std::to_string(whole) + "." + fraction;
    };
    if (us < 1000) return std::to_string(us) + " µs";
    if (us < 100'000) return decimal(us / 1000, us / 100 % 10, 1) + " ms";
    if (us < 1'000'000) return std::to_string(us / 1000) + " ms";
    if (us < 60'000'000) return decimal(us / 1'000'000, us / 1000 % 1000, 3) + " s";
    return duration_words(duration);
}

nlohmann::json to_json(const Boot& boot) {
    nlohmann::json units = nlohmann::json::array();
    for (const BootUnit& unit : boot.units) {
        nlohmann::json after = nlohmann::json::array();
        for (const std::size_t other : unit.after)
            after.push_back(boot.units[other].name);
        units.push_back({{"name", unit.name},
                         {"type", type_name(unit.type)},
                         {"state", state_name(unit.state)},
                         {"began", seconds(unit.began)},
                         {"up", seconds(unit.up)},
                         {"over", seconds(unit.over)},
                         {"took", seconds(boot.took(unit))},
                         {"after", std::move(after)}});
    }
    return {{"name", boot.name},
            {"loaded", seconds(boot.loaded)},
            {"ready", seconds(boot.ready)},
            {"units", std::move(units)},
            {"not-started-by-the-boot", boot.others}};
}

} // namespace stead::cli
