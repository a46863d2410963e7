#include "cli/top_look.h"

#include <array>

#include "cli/client.h"
#include "cli/words.h"
#include "sys/clock.h"

namespace stead::cli {

namespace {

/// One guest that does not answer must not hold up the others for long.
constexpr Duration kLookLimit = Duration{700'000'000};

struct Look {
    std::optional<GuestRecord> guest;
    std::vector<UnitRecord> units;
};

/// What one guest's PID 1 answers within the limit; without `guest`, it did not.
Look look_at(const Place& place, const Target& target) {
    Look look;
    auto client = Client::connect(place.control(target));
    if (!client) return look;
    std::array<std::byte, 64> buffer;
    wire::Writer request(buffer, wire::Kind::Status);
    if (!client->send(request)) return look;
    const Instant limit = sys::now() + kLookLimit;
    std::optional<GuestRecord> guest;
    while (look.units.size() <= kMaxUnits) {
        const auto answer = client->receive(limit);
        if (!answer || !*answer) return {};
        const wire::Reader& message = *(*answer)->reader;
        if (message.kind() == wire::Kind::End) break;
        if (message.kind() == wire::Kind::Guest) guest = read_guest(message);
        if (message.kind() == wire::Kind::Unit) look.units.push_back(read_unit(message));
    }
    look.guest = std::move(guest);
    return look;
}

TopRow guest_row(const Target& target, const Look& look) {
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
    const Look look = look_at(place, target);
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
