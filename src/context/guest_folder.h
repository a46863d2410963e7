#pragma once

#include "base/result.h"
#include "context/job.h"
#include "context/mounts.h"

namespace stead::context {

/// Makes /run/stead: a tmpfs of ours that the guest sees read-only, with the guest's own sockets,
/// bin/stead, its credentials, and the empty file and folder that masks are copies of. Being a
/// mount it can be neither renamed nor removed.
Result<void> make_guest_folder(const recipe::Context& recipe, Tree& tree, Parts& parts);

} // namespace stead::context
