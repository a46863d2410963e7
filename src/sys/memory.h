#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace stead::sys {

/// Zeroed private memory, page-aligned; a page costs nothing until it is touched. It stays until
/// `unmap`.
Result<std::span<std::byte>> map_memory(std::size_t size);
/// The first `size` bytes of a file, read-only.
Result<std::span<const std::byte>> map_file(int fd, std::size_t size);
/// memfd_create(2), close-on-exec and to be sealed.
Result<UniqueFd> make_memory_file(const char* name);
/// fcntl(2) F_ADD_SEALS and F_GET_SEALS.
inline constexpr int kSealSeal = 1;
inline constexpr int kSealShrink = 2;
inline constexpr int kSealGrow = 4;
inline constexpr int kSealWrite = 8;
Result<void> add_seals(int fd, int seals);
bool has_seals(int fd, int seals);
/// The first `size` bytes of a file, shared with everybody who maps it, writable.
Result<std::span<std::byte>> map_shared(int fd, std::size_t size);
/// Keeps a mapping from children (MADV_DONTFORK).
void keep_from_children(std::span<std::byte> memory);
/// Gives the whole pages of shared memory back (MADV_REMOVE); they are zeros from then on. False if
/// nothing has changed.
bool give_back(std::span<std::byte> memory);
/// The same for private memory (MADV_DONTNEED).
void forget(std::span<std::byte> memory);
/// `forget` of the `depth` bytes of stack below the caller's own frame, where deeper calls have
/// been.
void forget_stack(std::size_t depth);
void unmap(std::span<const std::byte> memory);

} // namespace stead::sys
