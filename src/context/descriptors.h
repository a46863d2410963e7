#pragma once

#include <span>

#include "base/result.h"

namespace stead::context {

/// A descriptor of this process and the number it has to have; fd -1: the number has to be closed.
struct Placement {
    int fd = -1;
    int number = -1;
};

/// Puts every descriptor under its number, whatever order and overlap they come in, and lets
/// everything else end at the execution. `placements` name the numbers 0, 1, 2 ... each exactly
/// once; `kept` are descriptors that are needed until then and may have to move.
Result<void> place_all(std::span<Placement> placements, std::span<int> kept);

} // namespace stead::context
