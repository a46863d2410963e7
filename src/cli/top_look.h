#pragma once

#include <vector>

#include "cli/top_model.h"

namespace stead::cli {

/// Asks one guest how it and its units are, and adds their rows: its own line first, with the sums
/// of its units. A guest that does not answer soon is one line that says so.
void append_rows(const Place& place, const Target& target, std::vector<TopRow>& rows);

/// Adds the CPU use of each guest's units to the guest's own line.
void sum_rates(std::vector<TopRow>& rows);

} // namespace stead::cli
