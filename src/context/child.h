#pragma once

#include <string>
#include <vector>

#include "context/job.h"

namespace stead::context {

struct ChildTask {
    const Job& job;
    const Parts& parts;
    /// Mount places that the recipe does not name (Tree::places).
    const std::vector<std::string>& places;
    /// PID 1's argv and environment, each ending in a null pointer.
    char* const* arguments;
    char* const* environment;
};

/// The child's body, born in the guest's namespaces with the guest's root as its working directory:
/// does what only a process inside can do, verifies itself, and executes stead-init. `task` is a
/// ChildTask. It never returns.
void run_child(void* task);

} // namespace stead::context
