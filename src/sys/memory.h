#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"

namespace stead::sys {

/// Zeroed private memory, page-aligned; a page costs nothing until it is touched. It stays until
/// `unmap`.
Result<std::span<std::byte>> map_memory(std::size_t size);
/// The first `size` bytes of a file, read-only.
Result<std::span<const std::byte>> map_file(int fd, std::size_t size);
void unmap(std::span<const std::byte> memory);

} // namespace stead::sys
