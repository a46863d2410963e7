#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "compile/calendar.h"

namespace {

void demand(bool holds) {
    if (!holds) __builtin_trap();
}

} // namespace

/// Whatever the text: it is a calendar with a time to come, or there is a word about why not; and
/// the times go forward, through any change of the clock.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const stead::compile::CalendarText read = stead::compile::parse_calendar(text);
    demand(read.calendar.has_value() == read.problem.empty());
    if (!read.calendar) return 0;
    demand(read.calendar->weekdays != 0 && read.calendar->months != 0);
    std::int32_t jump = 0;
    std::memcpy(&jump, data, size < sizeof jump ? size : sizeof jump);
    const stead::ZoneChange zone[] = {{0, 3600, 0}, {1'800'000'000, jump % 50'000, 0}};
    std::int64_t at = 1'799'900'000;
    for (int i = 0; i < 8; ++i) {
        const std::int64_t next = stead::next_elapse(*read.calendar, zone, at);
        demand(next > at);
        if (next == stead::kNeverElapses) break;
        at = next;
    }
    return 0;
}
