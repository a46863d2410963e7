#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/console.h"
#include "cli/records.h"
#include "guests/ending.h"
#include "model/exit_status.h"
#include "model/stage_name.h"
#include "model/state.h"
#include "model/unit.h"
#include "wire/message.h"

/// The states and reasons of units in words that a person understands, and their short names for
/// tables and JSON.
namespace stead::cli {

std::string_view state_name(UnitState state);
std::string_view guest_state_name(wire::GuestState state);
std::string_view type_name(UnitType type);
std::string_view reason_name(ReasonKind kind);
std::string_view role_name(CommandRole role);
Colour state_colour(UnitState state);

/// "12 ms", "3.4 s", "5 min 7 s", "2 h 5 min", "3 d 4 h".
std::string duration_words(Duration duration);

/// "ended with code 3", "was killed by signal 9 (KILL)".
std::string exit_words(ExitStatus status);

/// "ended with code 3, 5 min ago", "stopped 2 h ago".
std::string ending_words(const guests::Ending& ending);

/// "No such file or directory (ENOENT)".
std::string error_words(int code);

/// A reload still ran, or had not said RELOADING=1 and READY=1, when its time was over.
bool is_late_reload(const Reason& reason);

/// Why the unit is in its state: one sentence without a full stop, e.g. "its program could not be
/// started: exec: No such file or directory (ENOENT)".
std::string reason_sentence(const UnitRecord& unit);

/// "up for 3 min", "backoff for 120 ms, next attempt in 380 ms".
std::string state_sentence(const UnitRecord& unit);

} // namespace stead::cli
