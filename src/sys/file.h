#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "sys/unique_fd.h"

/// Files and folders by name below a descriptor (AT_FDCWD: by path). For names of our own choosing
/// on the host; paths inside a guest go through the resolver.
namespace stead::sys {

/// openat(2), always with O_CLOEXEC.
Result<UniqueFd> open_at(int folder, const char* name, int flags, mode_t mode = 0);
/// mkdirat(2).
Result<void> make_folder(int folder, const char* name, mode_t mode);
/// unlinkat(2); with `is_folder` an empty folder.
Result<void> remove_at(int folder, const char* name, bool is_folder);
/// renameat(2) within one folder.
Result<void> rename_at(int folder, const char* from, const char* to);
/// renameat2(2) with RENAME_NOREPLACE: EEXIST if `to` is there already.
Result<void> rename_new(int folder, const char* from, const char* to);
/// getdents64(2): the next entries of an open folder, as many as fit; 0 at its end.
Result<std::size_t> read_entries(int folder, std::span<std::byte> buffer);
/// symlinkat(2) and readlinkat(2); the text is cut at the buffer's end.
Result<void> make_link(const char* text, int folder, const char* name);
Result<std::size_t> read_link(int folder, const char* name, std::span<char> buffer);
/// fstatat(2); an empty name with AT_EMPTY_PATH is the descriptor itself.
Result<struct stat> status_at(int folder, const char* name, int flags);

/// fchmod(2).
Result<void> set_mode(int fd, mode_t mode);

/// Reads until the end or until `buffer` is full.
Result<std::size_t> read_full(int fd, std::span<std::byte> buffer);
/// Writes everything; a file that takes no more is an Error.
Result<void> write_full(int fd, std::string_view bytes);

/// The folder (O_PATH) of the cgroup with this number (cgroups(7)) on the cgroup2 file system that
/// `folder` lies on. open_by_handle_at(2).
Result<UniqueFd> open_cgroup(int folder, std::uint64_t number);

/// Takes the exclusive lock of an open file description (F_OFD_SETLK): EAGAIN when somebody else
/// holds it. It survives execve and ends with the last descriptor.
Result<void> take_lock(int fd);
/// The same, but waits for it (F_OFD_SETLKW).
Result<void> wait_for_lock(int fd);
/// flock(2) on a folder, exclusive: waits for whoever holds it by another open description.
/// Released with the descriptor, or by `release_folder`.
Result<void> hold_folder(int fd);
void release_folder(int fd);
/// Whether somebody else holds that lock (F_OFD_GETLK).
Result<bool> is_locked(int fd);

} // namespace stead::sys
