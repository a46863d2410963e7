#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/accounts.h"
#include "cli/asking.h"

namespace stead::cli {

/// A command that is left in the guest as a unit of its own.
struct Detached {
    std::string unit;
    std::vector<std::string> command;
    std::vector<std::string> environment;
    std::string directory;
    /// None: root.
    std::optional<Account> account;
};

/// Adds the unit to the running guest and waits until it is up: PID 1 supervises it, its output is
/// logged under its name, and it is gone when it is down.
int detach(Asking& asking, Client& client, const Target& target, const Detached& wishes);

} // namespace stead::cli
