#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "sys/unique_fd.h"

/// One read or write at a time, for loops that take what there is.
namespace stead::sys {

/// read(2) once; 0 at the end. EAGAIN comes back as an Error.
Result<std::size_t> read_some(int fd, std::span<char> buffer);
/// pread(2) once: a file's bytes from `offset` on, whatever its position.
Result<std::size_t> read_at(int fd, std::span<char> buffer, std::size_t offset);
/// write(2) once: how much was taken. EAGAIN and EPIPE come back as Errors.
Result<std::size_t> write_some(int fd, std::string_view bytes);

/// poll(2): whether a write would be taken (a closed other end counts: the write says so) within
/// `timeout_ms`.
bool is_writable(int fd, int timeout_ms = 0);
/// poll(2): whether there is something to read, an end included, within `timeout_ms`.
bool is_readable(int fd, int timeout_ms);

/// O_NONBLOCK on or off. It belongs to the open file, so whoever else holds that sees it as well.
Result<void> set_nonblocking(int fd, bool on);
/// fcntl(2) F_DUPFD_CLOEXEC at or above `lowest`.
Result<UniqueFd> duplicate(int fd, int lowest = 3);
/// Whether `fd` is an open descriptor.
bool is_open(int fd);
/// ftruncate(2).
Result<void> truncate_file(int fd, std::size_t size);

/// Raises the soft limit of open files to the hard one (setrlimit(2)).
Result<void> raise_open_files();

} // namespace stead::sys
