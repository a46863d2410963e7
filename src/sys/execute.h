#pragma once

#include <span>

#include "base/result.h"
#include "sys/process.h"

/// Starting one of our own programs beside us: no identity change, no sandbox (that is spawn).
namespace stead::sys {

/// What a child's descriptor `as` is to be.
struct Given {
    int fd = -1;
    int as = -1;
};

struct Execution {
    /// The program as an open descriptor (O_PATH will do).
    int program = -1;
    /// argv[0] first, a null pointer last; both lists.
    char* const* arguments = nullptr;
    char* const* environment = nullptr;
    /// Everything not given is closed; 0, 1 and 2 not given are /dev/null, the caller's, the
    /// caller's. At most 8.
    std::span<const Given> given;
};

/// Starts `execution` as a child with default signal actions, an empty mask and SIGCHLD at its
/// end. A program that cannot be executed ends with code 127. clone3(2), execveat(2).
Result<Process> start_program(const Execution& execution);

} // namespace stead::sys
