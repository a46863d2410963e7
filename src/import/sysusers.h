#pragma once

#include "import/distribution.h"

namespace stead::importing {

/// Whether systemd-sysusers would have something to do: a line of sysusers.d(5) names an account
/// that the root's /etc/passwd and /etc/group lack, or one of them cannot be told (specifiers,
/// quotes, types of a later version, a file that cannot be read).
bool lacks_accounts(const RootView& root);

} // namespace stead::importing
