#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "cli/asking.h"
#include "cli/unit_set.h"

/// Another set of units for a running guest. Who may read the guest's files compiles them: in the
/// guest its own `stead`, started there by PID 1 under the guest's limits; in one's own container
/// this one. PID 1 takes the plan whole or not at all.
namespace stead::cli {

struct ReloadWishes {
    /// Of our own PID 1, instead of the usual ones.
    std::vector<std::string> folders;
    /// Of our own PID 1: wrong files are left out and listed, the others count.
    bool leave_out = false;
    Instant limit;
};

/// Has the guest's unit files compiled and hands them to its PID 1. Says what has not taken effect
/// yet.
int reload_guest(Asking& asking,
                 Context& context,
                 const Target& target,
                 const ReloadWishes& wishes);

/// Runs the guest's own `stead` with these words, as its root, with `output` as standard output;
/// what it says is printed. Its exit code, or -1 after a message if it did not run.
int run_there(Asking& asking,
              Client& client,
              const Target& target,
              const std::vector<std::string>& words,
              int output);

/// A sealed memfd with this content.
Result<sys::UniqueFd> sealed_plan(std::span<const std::byte> image);

/// Sets `set` up as the loader in a guest has it: searched folders, ceiling and users as here.
void look_around(UnitSet& set);

} // namespace stead::cli
