#pragma once

#include "cli/asking.h"
#include "cli/verbs.h"
#include "model/state.h"

/// The verbs that speak with a running guest's PID 1.
namespace stead::cli {

int verb_blame(Context& context, Arguments arguments);
int verb_critical_chain(Context& context, Arguments arguments);
int verb_enter(Context& context, Arguments arguments);
int verb_exec(Context& context, Arguments arguments);
int verb_freeze(Context& context, Arguments arguments);
int verb_graph(Context& context, Arguments arguments);
int verb_kill(Context& context, Arguments arguments);
int verb_limits(Context& context, Arguments arguments);
int verb_list(Context& context, Arguments arguments);
int verb_log_tidy(Context& context, Arguments arguments);
int verb_runlevel(Context& context, Arguments arguments);
int verb_tmpfiles(Context& context, Arguments arguments);
int verb_log_reader(Context& context, Arguments arguments);
int verb_logs(Context& context, Arguments arguments);
int verb_metrics(Context& context, Arguments arguments);
int verb_plot(Context& context, Arguments arguments);
int verb_poweroff(Context& context, Arguments arguments);
int verb_reboot(Context& context, Arguments arguments);
int verb_reclaim(Context& context, Arguments arguments);
int verb_reload(Context& context, Arguments arguments);
int verb_restart(Context& context, Arguments arguments);
int verb_show(Context& context, Arguments arguments);
int verb_set(Context& context, Arguments arguments);
int verb_shutdown(Context& context, Arguments arguments);
int verb_start(Context& context, Arguments arguments);
int verb_status(Context& context, Arguments arguments);
int verb_stop(Context& context, Arguments arguments);
int verb_thaw(Context& context, Arguments arguments);
int verb_top(Context& context, Arguments arguments);
int verb_upgrade(Context& context, Arguments arguments);
int verb_wait(Context& context, Arguments arguments);
int verb_why(Context& context, Arguments arguments);

/// One row per unit, for list and status.
Table units_table(const std::vector<UnitRecord>& units);

/// The unit's last lines of output as log lines, "TIME UNIT STREAM TEXT"; none where they cannot
/// be had.
std::vector<std::string>
last_lines(Asking& asking, Client& client, const Target& target, std::int64_t count);

/// Asks for the guest's end and, unless `no_wait`, waits until nothing of it is left.
int end_guest(
    Asking& asking, Client& client, const Target& target, EndKind end, bool no_wait, Instant limit);

} // namespace stead::cli
