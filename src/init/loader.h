#pragma once

#include <span>

#include "base/result.h"
#include "init/supervisor.h"

namespace stead::init {

/// How the loader is found and what it is asked for.
struct LoaderCall {
    /// O_PATH descriptor of `stead`.
    int program = -1;
    /// Folders of units; none: the search order.
    std::span<char* const> directories{};
    /// Runs without any capability, below the guest's filter.
    bool confined = false;
};

/// Runs `stead load` once and returns its plan. It has a bounded time and memory; what it says goes
/// to standard error, or line by line to the keeper.
Result<plan::Plan> run_loader(Supervisor& self, const LoaderCall& call);

} // namespace stead::init
