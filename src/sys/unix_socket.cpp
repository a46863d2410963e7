#include "sys/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

#ifndef SCM_PIDFD
constexpr int kScmPidfd = 0x04;
#else
constexpr int kScmPidfd = SCM_PIDFD;
#endif

struct Address {
    sockaddr_un name{};
    socklen_t size = 0;
};

Result<Address> address_of(std::string_view path) {
    Address address;
    address.name.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.name.sun_path)
        return make_error("bind", path, ENAMETOOLONG);
    std::copy(path.begin(), path.end(), address.name.sun_path);
    // An abstract name (its first byte is NUL) ends with its size, a path with a NUL (unix(7)).
    const std::size_t end = path.front() == '\0' ? path.size() : path.size() + 1;
    address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + end);
    return address;
}

const sockaddr* generic(const Address& address) {
    return reinterpret_cast<const sockaddr*>(&address.name);
}

/// Room for credentials, one pidfd and one descriptor more than is accepted, so that a sender of
/// too many is seen to be one.
static_assert(kControlRoom >= CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int)) +
                                  CMSG_SPACE(sizeof(int) * (kMaxPassed + 1)));

void keep_descriptors(const cmsghdr* header, Record& record) {
    const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
    for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
        UniqueFd owned(fd);
        if (record.descriptor_count == record.descriptors.size()) {
            record.truncated = true;
            continue;
        }
        record.descriptors[record.descriptor_count++] = std::move(owned);
    }
}

void keep_control(const cmsghdr* header, Record& record) {
    if (header->cmsg_level != SOL_SOCKET) return;
    if (header->cmsg_type == SCM_RIGHTS) {
        keep_descriptors(header, record);
    } else if (header->cmsg_type == SCM_CREDENTIALS &&
               header->cmsg_len == CMSG_LEN(sizeof(ucred))) {
        ucred who{};
        std::memcpy(&who, CMSG_DATA(header), sizeof who);
        record.sender = who.pid;
        record.uid = who.uid;
    } else if (header->cmsg_type == kScmPidfd && header->cmsg_len == CMSG_LEN(sizeof(int))) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        record.pidfd.reset(fd);
    }
}

} // namespace

Result<Pipe> make_pipe(int flags) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | flags) < 0) return last_error("pipe2");
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> bind_unix(std::string_view path, int type, mode_t mode, Umask umask) {
    const Address address = TRY(address_of(path));
    UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return last_error("socket");
    // fchmod on the unbound socket sets the mode of the file that bind makes, so there is no moment
    // with a wider one; a umask would still take bits away, hence the chmod after it.
    if (::fchmod(fd.get(), mode) < 0) return last_error("fchmod", path);
    if (::bind(fd.get(), generic(address), address.size) < 0) return last_error("bind", path);
    if (umask == Umask::Clear) return fd;
    if (::chmod(address.name.sun_path, mode) < 0) return last_error("chmod", path);
    return fd;
}

Result<void> listen_on(int fd, int backlog) {
    return detail::done(::listen(fd, backlog), "listen");
}

Result<UniqueFd> connect_unix(std::string_view path, int type) {
    const Address address = TRY(address_of(path));
    UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    if (!fd) return last_error("socket");
    if (::connect(fd.get(), generic(address), address.size) < 0) return last_error("connect", path);
    return fd;
}

Result<UniqueFd> accept_from(int listener) {
    return detail::owned(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK),
                         "accept4");
}

Result<PeerCredentials> peer_credentials(int fd) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
        return last_error("getsockopt", "SO_PEERCRED");
    return PeerCredentials{who.pid, who.uid, who.gid};
}

Result<void> set_socket_option(int fd, int option, int value) {
    return detail::done(::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value), "setsockopt");
}

void each_passed(std::span<const std::byte> control, void (*function)(int fd)) {
    cmsghdr header{};
    while (control.size() >= sizeof header) {
        std::memcpy(&header, control.data(), sizeof header);
        if (header.cmsg_len < sizeof header || header.cmsg_len > control.size()) return;
        const bool passed = header.cmsg_type == SCM_RIGHTS || header.cmsg_type == kScmPidfd;
        for (std::size_t at = sizeof header; passed && at + sizeof(int) <= header.cmsg_len;
             at += sizeof(int)) {
            int fd = -1;
            std::memcpy(&fd, control.data() + at, sizeof fd);
            function(fd);
        }
        control = control.subspan(std::min(CMSG_ALIGN(header.cmsg_len), control.size()));
    }
}

Record open_control(std::span<std::byte> control) {
    Record record;
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(control.size());
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_len != 0;
         header = CMSG_NXTHDR(&message, header)) {
        keep_control(header, record);
    }
    return record;
}

Result<Record> receive(int fd, std::span<std::byte> buffer, std::span<std::byte> control) {
    iovec bytes{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = static_cast<decltype(message.msg_controllen)>(control.size());

    const ssize_t size = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) return last_error("recvmsg");
    Record record = open_control(control.first(message.msg_controllen));
    record.size = static_cast<std::size_t>(size);
    record.truncated = record.truncated || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return record;
}

Result<Record> receive(int fd, std::span<std::byte> buffer) {
    alignas(cmsghdr) std::array<std::byte, kControlRoom> control{};
    return receive(fd, buffer, control);
}

Result<void> send(int fd, std::span<const std::byte> bytes, std::span<const int> descriptors) {
    if (descriptors.size() > kMaxPassed) return make_error("sendmsg", {}, EINVAL);
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * kMaxPassed)> control{};
    // sendmsg only reads what the vector points to.
    iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen =
            static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(descriptors.size_bytes()));
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len =
            static_cast<decltype(header->cmsg_len)>(CMSG_LEN(descriptors.size_bytes()));
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    return detail::done(::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL), "sendmsg");
}

} // namespace stead::sys
