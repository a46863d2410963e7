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
/// The memory of a second state that begins as a copy of this one's, with room for `units` records
/// of units, which are zeros, as all tables are.
Result<std::span<std::byte>> draft_state(Supervisor& self, std::size_t units);
/// Opens the plans of the state and finds its units in them.
Result<void> open_units(Supervisor& self);
/// Decides where the tables for self.table's units lie.
Result<void> lay_out_tables(Supervisor& self);
/// Finds the tables where the layout says; returns the engine's memory.
std::span<std::byte> find_tables(Supervisor& self);
/// Lays the tables for self.table's units out and makes the engine.
Result<void> prepare_tables(Supervisor& self);

} // namespace stead::init
