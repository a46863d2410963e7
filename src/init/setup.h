#pragma once

#include "base/result.h"
#include "init/supervisor.h"

/// What both ways of starting have in common.
namespace stead::init {

/// Opens 0, 1 and 2 on /dev/null where they are closed: the next open would otherwise land there.
void sanitize_streams();
/// As many descriptors as the hard limit allows; children get the old limit back.
void raise_open_files(Supervisor& self);
/// Notes our ignored signals and bounding set, where there is a /proc to read them from.
void note_inherited(Supervisor& self);
/// Maps the memory of the tables for self.table's units and makes the engine.
Result<void> prepare_tables(Supervisor& self);
/// Reads a plan out of a descriptor; with `must_be_sealed` only one that nobody can change.
Result<plan::Plan> read_plan(int fd, bool must_be_sealed);
/// The one Supervisor with its scratch memory, in one mapping: not on the stack, whose pages deep
/// calls have touched once stay touched.
Result<Supervisor*> make_supervisor(char** environment);
/// Listens on the control socket for the guest's own clients, or the host's.
void listen_for_clients(Supervisor& self, sys::UniqueFd listener, bool host);

} // namespace stead::init
