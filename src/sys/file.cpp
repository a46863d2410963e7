#include "sys/file.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

struct flock whole_file() {
    struct flock range {};

    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    return range;
}

Result<void> lock(int fd, int command) {
    struct flock range = whole_file();
    while (::fcntl(fd, command, &range) < 0) {
        if (errno != EINTR) return last_error("fcntl F_OFD_SETLK");
    }
    return {};
}

} // namespace

Result<UniqueFd> open_at(int folder, const char* name, int flags, mode_t mode) {
    return detail::owned(::openat(folder, name, flags | O_CLOEXEC, mode), "open", name);
}

Result<void> make_folder(int folder, const char* name, mode_t mode) {
    return detail::done(::mkdirat(folder, name, mode), "mkdir", name);
}

Result<void> remove_at(int folder, const char* name, bool is_folder) {
    return detail::done(::unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0),
                        is_folder ? "rmdir" : "unlink", name);
}

Result<void> rename_at(int folder, const char* from, const char* to) {
    return detail::done(::renameat(folder, from, folder, to), "rename", to);
}

Result<void> rename_new(int folder, const char* from, const char* to) {
    // The C libraries' wrapper is newer than some of them.
    constexpr unsigned kNoReplace = 1;
    return detail::done(::syscall(SYS_renameat2, folder, from, folder, to, kNoReplace), "rename",
                        to);
}

Result<std::size_t> read_entries(int folder, std::span<std::byte> buffer) {
    const long size = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
    return detail::counted(size, "getdents64");
}

Result<void> make_link(const char* text, int folder, const char* name) {
    return detail::done(::symlinkat(text, folder, name), "symlink", name);
}

Result<std::size_t> read_link(int folder, const char* name, std::span<char> buffer) {
    const ssize_t size = ::readlinkat(folder, name, buffer.data(), buffer.size());
    if (size < 0) return last_error("readlink", name);
    return static_cast<std::size_t>(size);
}

Result<struct stat> status_at(int folder, const char* name, int flags) {
    struct stat status {};

    if (::fstatat(folder, name, &status, flags) < 0) return last_error("stat", name);
    return status;
}

Result<void> set_mode(int fd, mode_t mode) {
    return detail::done(::fchmod(fd, mode), "fchmod");
}

Result<std::size_t> read_full(int fd, std::span<std::byte> buffer) {
    std::size_t used = 0;
    while (used < buffer.size()) {
        const ssize_t size = ::read(fd, buffer.data() + used, buffer.size() - used);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return last_error("read");
        if (size == 0) break;
        used += static_cast<std::size_t>(size);
    }
    return used;
}

Result<void> write_full(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t size = ::write(fd, bytes.data(), bytes.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return last_error("write");
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return {};
}

Result<UniqueFd> open_cgroup(int folder, std::uint64_t number) {
    // struct file_handle and FILEID_KERNFS of linux/exportfs.h.
    struct {
        std::uint32_t size = sizeof number;
        std::int32_t type = 0xfe;
        std::uint64_t number = 0;
    } handle;

    handle.number = number;
    return detail::owned(
        static_cast<int>(::syscall(SYS_open_by_handle_at, folder, &handle, O_PATH | O_CLOEXEC)),
        "open_by_handle_at");
}

Result<void> take_lock(int fd) {
    return lock(fd, F_OFD_SETLK);
}

Result<void> wait_for_lock(int fd) {
    return lock(fd, F_OFD_SETLKW);
}

/// LOCK_EX and LOCK_UN: the system's <sys/file.h> has the name of our own header.
constexpr int kExclusive = 2;
constexpr int kUnlocked = 8;

Result<void> hold_folder(int fd) {
    if (::syscall(SYS_flock, fd, kExclusive) < 0) return last_error("flock");
    return {};
}

void release_folder(int fd) {
    (void)::syscall(SYS_flock, fd, kUnlocked); // an open folder has no other answer
}

Result<bool> is_locked(int fd) {
    struct flock range = whole_file();
    if (::fcntl(fd, F_OFD_GETLK, &range) < 0) return last_error("fcntl F_OFD_GETLK");
    return range.l_type != F_UNLCK;
}

} // namespace stead::sys
