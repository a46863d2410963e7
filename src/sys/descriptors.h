#pragma once

#include "base/result.h"
#include "sys/unique_fd.h"

/// Descriptors by number: what a process hands to the program it becomes.
namespace stead::sys {

/// memfd_create(2), sealable.
Result<UniqueFd> make_memfd(const char* name);
/// F_ADD_SEALS: from now on nobody changes its content or size.
Result<void> seal(int memfd);

struct SocketPair {
    UniqueFd first;
    UniqueFd second;
};

/// socketpair(2) of SOCK_SEQPACKET unix sockets.
Result<SocketPair> make_socket_pair();

/// dup3(2) onto `number`, which stays open over execve.
Result<void> place(int fd, int number);
/// F_DUPFD_CLOEXEC: a duplicate numbered `lowest` or higher.
Result<UniqueFd> duplicate_above(int fd, int lowest);
/// F_SETFD: whether `fd` stays open over execve.
Result<void> keep_over_exec(int fd, bool keep);
/// close_range(2) from `first` on; with `at_exec` not now but at the next execve.
Result<void> close_from(unsigned first, bool at_exec);

/// execveat(2) of the program `fd` is. It returns only if that failed.
Error execute(int fd, char* const* argv, char* const* envp);

} // namespace stead::sys
