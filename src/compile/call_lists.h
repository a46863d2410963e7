#pragma once

#include <string>
#include <string_view>

#include "compile/filter.h"
#include "compile/report.h"
#include "unitfile/specs.h"

namespace stead::compile {

/// What a `system-calls` list means on top of `inherited` ("..."); a list that was not written is
/// just that. Names and groups are allowed, "!" refuses. The argument checks of sockets, terminals,
/// clones, nodes and personalities stay, whatever a list says; "unshare" and "@namespaces" open all
/// namespaces but the user namespace, "socket" opens netlink to a jail, and no group opens or
/// refuses clone3, which hides its flags from filters and which programs do without. What it takes
/// to reach the program, and to tell that it could not be reached, is always allowed.
CallPolicy
resolve_calls(const unitfile::ListSpec& list, const CallPolicy& inherited, Report& report);

/// Applies `system-call-error`: an errno name, "kill" or "log". False for any other word.
bool set_call_error(std::string_view word, CallPolicy& policy);

/// The group or call whose name is closest to a misspelt one; empty if none is close.
std::string nearest_call(std::string_view name);

} // namespace stead::compile
