#pragma once

#include <array>
#include <span>

#include "base/result.h"

namespace stead::context {

/// A descriptor of this process and the number it has to have; fd -1: the number has to be closed.
struct Placement {
    int fd = -1;
    int number = -1;
    bool close_on_exec = false;
};

/// Puts every descriptor under its number, whatever order and overlap they come in, and closes
/// everything else. `placements` name the numbers 0, 1, 2 ... each exactly once.
Result<void> place_all(std::span<Placement> placements);

} // namespace stead::context
