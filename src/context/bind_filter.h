#pragma once

#include <vector>

#include "base/result.h"
#include "recipe/recipe.h"
#include "sys/bpf.h"

/// `network.listen`: what a guest on the host's network stack may bind. Two programs of the cgroup
/// (bind4 and bind6) let a bind pass if protocol, address and port stand in the list, and answer
/// EPERM to everything else: other addresses, other ports, port 0 if it is not listed, protocols
/// other than TCP and UDP, and raw sockets.
///
/// An address of zeros in the list allows every address of its family; a v4 address written as
/// ::ffff:a.b.c.d is that v4 address. Clients need no bind and are not affected: connect and sendto
/// of an unbound socket take a free port without asking these programs. So does listen of an
/// unbound TCP socket: the kernel gives it a free port of its own choosing, and has no hook there.
namespace stead::context {

/// The program for one family, ready to load.
std::vector<sys::BpfInstruction> bind_program(const recipe::Network& network, bool v6);

/// Attaches both to `cgroup`, for good.
Result<void> restrict_bind(const recipe::Network& network, int cgroup);

} // namespace stead::context
