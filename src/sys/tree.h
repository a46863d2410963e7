#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string_view>

#include "base/result.h"
#include "sys/unique_fd.h"

/// What a copy of a file tree needs beside sys/file.h: links, times, attributes and data, always by
/// a name below a descriptor or by the descriptor itself, never following a link.
namespace stead::sys {

/// linkat(2): a further name for the file `from`.
Result<void> make_hard_link(int from_folder, const char* from, int folder, const char* name);
/// mknodat(2) of a pipe with a name, or of a unix socket's.
Result<void> make_special(int folder, const char* name, mode_t mode);
/// fchmodat(2), for what cannot be opened.
Result<void> set_mode_at(int folder, const char* name, mode_t mode);
/// utimensat(2): the time of the last change; an empty name is the descriptor itself.
Result<void> set_time(int folder, const char* name, const struct timespec& changed);

/// flistxattr(2): names, each with its zero byte. 0 where the file system has none.
Result<std::size_t> list_attributes(int fd, std::span<char> buffer);
/// fgetxattr(2), fsetxattr(2), fremovexattr(2).
Result<std::size_t> read_attribute(int fd, const char* name, std::span<std::byte> buffer);
Result<void> set_attribute(int fd, const char* name, std::span<const std::byte> value);

/// pwrite(2) of everything, ftruncate(2).
Result<void> write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset);
Result<void> set_size(int fd, std::uint64_t size);
/// FICLONE: the whole content is shared with `from`, where the file system can.
Result<void> share_content(int from, int to);
/// lseek(2) SEEK_DATA and SEEK_HOLE: the first byte of data, or of a hole, from `offset` on. ENXIO:
/// none.
Result<std::uint64_t> next_data(int fd, std::uint64_t offset);
Result<std::uint64_t> next_hole(int fd, std::uint64_t offset);
/// copy_file_range(2): up to `size` bytes; 0 at the end.
Result<std::size_t> copy_range(int from, int to, std::uint64_t offset, std::size_t size);

/// renameat2(2) with RENAME_EXCHANGE: two names of one folder change places.
Result<void> exchange_names(int folder, const char* one, const char* other);
/// renameat(2) between folders.
Result<void> move_to(int from_folder, const char* from, int folder, const char* name);
/// syncfs(2) of the file system that `fd` lies on.
Result<void> sync_file_system(int fd);

/// chdir(2) and chroot(2): `folder` becomes the root and the working directory.
Result<void> change_root(const char* folder);

struct DiskSpace {
    std::uint64_t free_bytes = 0;
    std::uint64_t free_files = 0;
};

/// fstatvfs(3).
Result<DiskSpace> disk_space(int fd);

} // namespace stead::sys
