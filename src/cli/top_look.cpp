#include "cli/top_look.h"

#include "cli/guest_look.h"
#include "cli/words.h"

namespace stead::cli {

namespace {

/// One guest that does not answer must not hold up the others for long.
constexpr Duration kLookLimit = Duration{700'000'000};

TopRow guest_row(const Target& target, const GuestLook& look) {
    TopRow row;
    row.guest = target.guest;
    row.state = look.guest ? guest_state_name(look.guest->state) : "no answer";
    row.colour = look.guest ? Colour::Bold : Colour::Red;
    if (!look.guest) return row;
    row.uptime = look.guest->age();
    std::size_t ready = 0;
    for (const UnitRecord& unit : look.units)
        ready += unit.ready() ? 1 : 0;
    row.why = std::to_string(ready) + " of " + std::to_string(look.units.size()) + " units up";
    return row;
}

void add(std::optional<std::int64_t>& sum, const std::optional<std::int64_t>& part) {
    if (part) sum = sum.value_or(0) + *part;
}

} // namespace

void append_rows(const Place& place, const Target& target, std::vector<TopRow>& rows) {
    const GuestLook look = look_at(place, target, kLookLimit);
    const std::size_t own = rows.size();
    rows.push_back(guest_row(target, look));
    const UsageReader usage(place, target);
    for (const UnitRecord& unit : look.units) {
        TopRow row;
        row.guest = target.guest;
        row.unit = unit.name;
        row.state = state_name(unit.state);
        row.colour = state_colour(unit.state);
        if (unit.state == UnitState::Up) row.uptime = unit.age();
        row.restarts = unit.restarts;
        row.why = reason_sentence(unit);
        row.usage = usage.read(unit);
        TopRow& sum = rows[own];
        add(sum.usage.memory, row.usage.memory);
        add(sum.usage.tasks, row.usage.tasks);
        rows.push_back(std::move(row));
    }
}

void sum_rates(std::vector<TopRow>& rows) {
    TopRow* guest = nullptr;
    for (TopRow& row : rows) {
        if (row.unit.empty()) {
            guest = &row;
        } else if (guest != nullptr && row.cpu) {
            guest->cpu = guest->cpu.value_or(0) + *row.cpu;
        }
    }
}

} // namespace stead::cli
