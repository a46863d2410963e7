#pragma once

#include "context/job.h"

namespace stead::context {

/// The builder's body: makes everything that the host's user namespace has to own, and then the
/// child. `job` is a Job. It never returns.
[[noreturn]] void run_builder(void* job);

/// The flags with which the builder itself is made: it shares the caller's memory.
std::uint64_t builder_flags();

} // namespace stead::context
