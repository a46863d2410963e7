#include "sys/descriptors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

// Newer than some C libraries' headers.
constexpr unsigned kCloseAtExec = 4;

} // namespace

Result<UniqueFd> make_memfd(const char* name) {
    return detail::owned(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create",
                         name);
}

Result<void> seal(int memfd) {
    constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    return detail::done(::fcntl(memfd, F_ADD_SEALS, kSeals), "fcntl F_ADD_SEALS");
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
    return detail::done(::dup3(fd, number, 0), "dup3");
}

Result<UniqueFd> duplicate_above(int fd, int lowest) {
    return detail::owned(::fcntl(fd, F_DUPFD_CLOEXEC, lowest), "fcntl F_DUPFD_CLOEXEC");
}

Result<void> keep_over_exec(int fd, bool keep) {
    return detail::done(::fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC), "fcntl F_SETFD");
}

Result<void> close_from(unsigned first, bool at_exec) {
    return detail::done(::syscall(SYS_close_range, first, ~0U, at_exec ? kCloseAtExec : 0U),
                        "close_range");
}

Error execute(int fd, char* const* argv, char* const* envp) {
    ::syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
    return last_error("execveat");
}

} // namespace stead::sys
