#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/accounts.h"
#include "cli/asking.h"
#include "cli/records.h"

/// Guests whose services are looked after by an init of their own (`init = ["/sbin/init"]`). PID 1
/// of the context is ours as ever, so that every command works; that init is its one unit, and PID
/// 1 of a pid namespace below. Both ends run inside the guest, with the guest's own authority:
/// `stead own-init` brings it to life, `stead join` enters it.
namespace stead::cli {

/// As a shell says it (env(1)).
inline constexpr int kNoExecution = 126;
inline constexpr int kNoProgram = 127;

int verb_own_init(Context& context, Arguments arguments);
int verb_join(Context& context, Arguments arguments);

/// `command` as PID 1 of the context has to run it so that it finds itself beside the guest's own
/// init, whose pid there is `init`. Who is not root becomes so only once it is there.
std::vector<std::string> joined_command(std::int64_t init,
                                        const std::optional<Account>& account,
                                        const std::string& directory,
                                        const std::vector<std::string>& command);

} // namespace stead::cli
