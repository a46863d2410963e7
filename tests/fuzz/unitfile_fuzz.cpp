#include <cstddef>
#include <cstdint>
#include <string_view>

#include "unitfile/reader.h"

namespace {

void demand(bool holds) {
    if (!holds) __builtin_trap();
}

/// Messages go to terminals and logs: whatever a file holds, nothing in them may steer one.
void demand_harmless(const stead::unitfile::Diagnostics& diagnostics) {
    for (const char c : stead::unitfile::render(diagnostics))
        demand(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
}

} // namespace

/// The same bytes as a unit and as a guest file: refused with a message, or whole.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)stead::unitfile::kind_of(text);

    stead::unitfile::Diagnostics of_unit;
    const auto unit = stead::unitfile::read_unit(text, "a.toml", "a@1", of_unit);
    demand(unit.has_value() != of_unit.has_errors());
    if (unit) {
        demand(!unit->stop_schedule.empty() && unit->stop_schedule.size() <= stead::kMaxStopSteps);
        demand(unit->command.empty() == (unit->type == stead::UnitType::Target));
    }
    demand_harmless(of_unit);

    stead::unitfile::Diagnostics of_guest;
    const auto guest = stead::unitfile::read_guest(text, "a.toml", "a", of_guest);
    demand(guest.has_value() != of_guest.has_errors());
    demand_harmless(of_guest);
    return 0;
}
