#include "sys/descriptors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace stead::sys {

namespace {

// Newer than some C libraries' headers.
constexpr unsigned kCloseAtExec = 4;

} // namespace

Result<UniqueFd> make_memfd(const char* name) {
    const int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return last_error("memfd_create", name);
    return UniqueFd(fd);
}

Result<void> seal(int memfd) {
    constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    if (::fcntl(memfd, F_ADD_SEALS, kSeals) < 0) return last_error("fcntl F_ADD_SEALS");
    return {};
}

Result<SocketPair> make_socket_pair() {
    int fds[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        return last_error("socketpair");
    }
    return SocketPair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<void> place(int fd, int number) {
    // dup3 of a descriptor onto itself is EINVAL; there only the flag is in the way.
    if (fd == number) return keep_over_exec(fd, true);
    // It is to survive execve: that is what this function is for.
    // NOLINTNEXTLINE(android-cloexec-dup)
    if (::dup3(fd, number, 0) < 0) return last_error("dup3");
    return {};
}

Result<UniqueFd> duplicate_above(int fd, int lowest) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, lowest);
    if (copy < 0) return last_error("fcntl F_DUPFD_CLOEXEC");
    return UniqueFd(copy);
}

Result<void> keep_over_exec(int fd, bool keep) {
    if (::fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0) return last_error("fcntl F_SETFD");
    return {};
}

Result<void> close_from(unsigned first, bool at_exec) {
    if (::syscall(SYS_close_range, first, ~0U, at_exec ? kCloseAtExec : 0U) < 0) {
        return last_error("close_range");
    }
    return {};
}

Error execute(int fd, char* const* argv, char* const* envp) {
    ::syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
    return last_error("execveat");
}

} // namespace stead::sys
