#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/guest_answer.h"

/// Why a unit is as it is, down to the unit that is the cause, and what a person can do about it.
/// Made from one Status answer alone; the sentences about states and reasons are those of words.h.
namespace stead::cli {

/// From a unit to the cause: each next unit is the one that the reason of the unit before names.
/// Ends at a unit whose reason names none, or none that is known or has not been met.
std::vector<std::size_t> cause_chain(const std::vector<UnitRecord>& units, std::size_t unit);

/// The unit is where somebody or something wanted it: up, done, or at rest on purpose.
bool is_well(const UnitRecord& unit);

/// "web/db is in back-off for 2 s, next attempt in 300 ms: its main process ended with code 3."
/// `name` is the unit as the person would write it.
std::string unit_sentence(const UnitRecord& unit, const std::string& name);

/// The paragraph: the unit, then every unit down to the cause.
std::string why_paragraph(const GuestAnswer& answer, const std::vector<std::size_t>& chain);

/// What to do next about `unit`, as sentences, the likeliest first; none for a unit that is well.
std::vector<std::string> advice_for(const UnitRecord& unit, const std::string& name);

/// Units that are not well, grouped by their cause: each cause with those that it keeps down.
/// Failures come first.
struct Trouble {
    std::size_t cause = 0;
    std::vector<std::size_t> kept_down;
};

std::vector<Trouble> troubles(const std::vector<UnitRecord>& units);

} // namespace stead::cli
