#include "sys/tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "sys/outcome.h"

namespace stead::sys {

Result<void> make_hard_link(int from_folder, const char* from, int folder, const char* name) {
    return detail::done(::linkat(from_folder, from, folder, name, 0), "link", name);
}

Result<void> make_special(int folder, const char* name, mode_t mode) {
    return detail::done(::mknodat(folder, name, mode, 0), "mknod", name);
}

Result<void> set_mode_at(int folder, const char* name, mode_t mode) {
    return detail::done(::fchmodat(folder, name, mode, 0), "chmod", name);
}

Result<void> set_time(int folder, const char* name, const struct timespec& changed) {
    const struct timespec times[2] = {{0, UTIME_OMIT}, changed};
    if (name[0] == '\0') return detail::done(::futimens(folder, times), "utimensat");
    return detail::done(::utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW), "utimensat", name);
}

Result<std::size_t> list_attributes(int fd, std::span<char> buffer) {
    const ssize_t size = ::flistxattr(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == ENOTSUP) return std::size_t{0};
    return detail::counted(size, "flistxattr");
}

Result<std::size_t> read_attribute(int fd, const char* name, std::span<std::byte> buffer) {
    return detail::counted(::fgetxattr(fd, name, buffer.data(), buffer.size()), "fgetxattr");
}

Result<void> set_attribute(int fd, const char* name, std::span<const std::byte> value) {
    return detail::done(::fsetxattr(fd, name, value.data(), value.size(), 0), "fsetxattr", name);
}

Result<void> write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t size = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return last_error("write");
        bytes = bytes.subspan(static_cast<std::size_t>(size));
        offset += static_cast<std::uint64_t>(size);
    }
    return {};
}

Result<void> set_size(int fd, std::uint64_t size) {
    return detail::done(::ftruncate(fd, static_cast<off_t>(size)), "ftruncate");
}

Result<void> share_content(int from, int to) {
    return detail::done(::ioctl(to, FICLONE, from), "ioctl FICLONE");
}

Result<std::uint64_t> next_data(int fd, std::uint64_t offset) {
    const off_t found = ::lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
    if (found < 0) return last_error("lseek");
    return static_cast<std::uint64_t>(found);
}

Result<std::uint64_t> next_hole(int fd, std::uint64_t offset) {
    const off_t found = ::lseek(fd, static_cast<off_t>(offset), SEEK_HOLE);
    if (found < 0) return last_error("lseek");
    return static_cast<std::uint64_t>(found);
}

Result<std::size_t> copy_range(int from, int to, std::uint64_t offset, std::size_t size) {
    auto in = static_cast<off64_t>(offset);
    auto out = static_cast<off64_t>(offset);
    return detail::counted(::copy_file_range(from, &in, to, &out, size, 0), "copy_file_range");
}

Result<void> exchange_names(int folder, const char* one, const char* other) {
    constexpr unsigned kExchange = 2;
    return detail::done(::syscall(SYS_renameat2, folder, one, folder, other, kExchange), "rename",
                        other);
}

Result<void> move_to(int from_folder, const char* from, int folder, const char* name) {
    return detail::done(::renameat(from_folder, from, folder, name), "rename", name);
}

Result<void> sync_file_system(int fd) {
    return detail::done(::syncfs(fd), "syncfs");
}

Result<void> change_root(const char* folder) {
    if (::chdir(folder) < 0) return last_error("chdir", folder);
    return detail::done(::chroot("."), "chroot", folder);
}

Result<DiskSpace> disk_space(int fd) {
    struct statvfs status {};

    if (::fstatvfs(fd, &status) < 0) return last_error("fstatvfs");
    return DiskSpace{status.f_bavail * status.f_frsize, status.f_favail};
}

} // namespace stead::sys
