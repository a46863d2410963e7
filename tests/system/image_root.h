#pragma once

#include <string>

#include "system/harness.h"

namespace stead::system_test {

/// A root folder with a static busybox, HOST/root, and a tar archive of it, whose path comes back.
std::string make_busybox_root(const Host& host);

} // namespace stead::system_test
