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
/// Opens the plan in a file, of which `keep` holds a sealed memfd from then on; with
/// `must_be_sealed` only one that nobody can change.
Result<plan::Plan> read_plan(const sys::UniqueFd& fd, bool must_be_sealed, SlotFd& keep);
/// Listens on the control socket for the guest's own clients, or the host's.
void listen_for_clients(Supervisor& self, sys::UniqueFd listener, bool host);

} // namespace stead::init
