#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"

namespace stead::plan {

/// Whether `image` is a plan in every byte; see Plan::open for what that means. The only code that
/// looks at an image before it is known to be good.
Result<void> check(std::span<const std::byte> image);

} // namespace stead::plan
