#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "init/supervisor.h"

/// How the state comes into being, is found again, and is divided up.
namespace stead::init {

/// A new, empty state, in a memfd where the machine has them.
Result<Supervisor*> make_supervisor(char** argv, char** environment);
/// Maps the memfd of a state.
Result<std::span<std::byte>> map_state(int file);
/// A Supervisor on the state in `memory`, whose locals are new.
Result<Supervisor*> open_memory(std::span<std::byte> memory, char** argv, char** environment);
/// Decides where the tables for self.table's units lie.
Result<void> lay_out_tables(Supervisor& self);
/// Finds the tables where the layout says; returns the engine's memory.
std::span<std::byte> find_tables(Supervisor& self);
/// Lays the tables for self.table's units out and makes the engine.
Result<void> prepare_tables(Supervisor& self);

} // namespace stead::init
