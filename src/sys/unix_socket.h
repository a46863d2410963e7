#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "sys/unique_fd.h"

/// Unix sockets whose records carry descriptors and credentials (unix(7)), and pipes.
namespace stead::sys {

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

/// pipe2(2); `flags` beside O_CLOEXEC.
Result<Pipe> make_pipe(int flags = 0);

/// A unix socket of `type` (SOCK_SEQPACKET, SOCK_DGRAM), non-blocking, bound to `path` with `mode`.
/// A path that is too long for an address is ENAMETOOLONG. A process whose umask is known to take
/// nothing of `mode` away says so.
enum class Umask : std::uint8_t { Unknown, Clear };
Result<UniqueFd>
bind_unix(std::string_view path, int type, mode_t mode, Umask umask = Umask::Unknown);
Result<void> listen_on(int fd, int backlog);
/// connect(2) to a unix socket of `type`. With SOCK_NONBLOCK in `type` EINPROGRESS comes back as an
/// Error.
Result<UniqueFd> connect_unix(std::string_view path, int type);
/// accept4(2), non-blocking; EAGAIN comes back as an Error.
Result<UniqueFd> accept_from(int listener);

struct PeerCredentials {
    pid_t pid = 0;
    uid_t uid = 0;
    gid_t gid = 0;
};

/// SO_PEERCRED: who connected, as it was then.
Result<PeerCredentials> peer_credentials(int fd);
/// SO_PASSPIDFD, which is newer than some headers: Record::pidfd.
inline constexpr int kPassPidfd = 76;
/// setsockopt(2) of SOL_SOCKET with an integer.
Result<void> set_socket_option(int fd, int option, int value);

inline constexpr std::size_t kMaxPassed = 4;

/// A received record. Descriptors beyond kMaxPassed are closed, and `truncated` says so.
struct Record {
    std::size_t size = 0;
    /// The sender's process and user, where the socket has SO_PASSCRED; else -1.
    pid_t sender = -1;
    uid_t uid = static_cast<uid_t>(-1);
    std::size_t descriptor_count = 0;
    std::array<UniqueFd, kMaxPassed> descriptors;
    /// SO_PASSPIDFD.
    UniqueFd pidfd;
    bool truncated = false;
};

/// recvmsg(2) without waiting. Size 0: the other side has closed. EAGAIN comes back as an Error.
Result<Record> receive(int fd, std::span<std::byte> buffer);
/// The same with room for what rides along (at least kControlRoom zeroed bytes, aligned for
/// cmsghdr) that outlives this call: `open_control` makes the same Record of it once more.
inline constexpr std::size_t kControlRoom = 128;
Result<Record> receive(int fd, std::span<std::byte> buffer, std::span<std::byte> control);
Record open_control(std::span<std::byte> control);
/// Calls `function` with every descriptor in such control data; nothing else happens to them.
void each_passed(std::span<const std::byte> control, void (*function)(int fd));
/// sendmsg(2) without waiting and without SIGPIPE; at most kMaxPassed descriptors ride along.
Result<void> send(int fd, std::span<const std::byte> bytes, std::span<const int> descriptors = {});

} // namespace stead::sys
