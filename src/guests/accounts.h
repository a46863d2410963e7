#pragma once

#include <string>

#include "base/result.h"
#include "compile/users.h"

namespace stead::guests {

/// The accounts of the root folder `root`: its /etc/passwd and /etc/group, resolved inside it, read
/// without waiting and up to compile::kMaxAccountFile bytes. A file that is missing is an empty
/// one.
Result<compile::UserDatabase> read_accounts(const std::string& root);

/// The text of an environment file of that root, resolved inside it. ENOENT comes back as an Error.
Result<std::string> read_environment_file(const std::string& root, const std::string& path);

} // namespace stead::guests
