#pragma once

#include "cli/guest_answer.h"

/// `stead why --trace`: watches what a running unit, or all units of a guest, are refused, and
/// names the line that would allow it.
namespace stead::cli {

/// For `time` (as written; empty: ten seconds) or until Ctrl-C. The exit code.
int trace_refusals(Asking& asking, const GuestAnswer& answer, const std::string& time, bool json);

} // namespace stead::cli
