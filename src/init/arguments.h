#pragma once

#include <optional>
#include <span>

#include "base/time.h"

namespace stead::init {

/// The command line in somebody else's container.
struct Arguments {
    std::span<char* const> directories;
    const char* plan = nullptr;
    std::span<char* const> command;
    Duration stop_timeout = 9_s;
};

/// Fills `arguments`; an exit code where nothing is to be run: help, version, or a mistake, which
/// has been said.
std::optional<int> read_arguments(int argc, char** argv, char** environment, Arguments& arguments);

} // namespace stead::init
