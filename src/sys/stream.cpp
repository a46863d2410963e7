#include "sys/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

bool poll_for(int fd, short events, int timeout_ms) {
    pollfd entry{fd, events, 0};
    int count = 0;
    do {
        count = ::poll(&entry, 1, timeout_ms);
    } while (count < 0 && errno == EINTR);
    return count > 0;
}

} // namespace

Result<std::size_t> read_some(int fd, std::span<char> buffer) {
    ssize_t got = 0;
    do {
        got = ::read(fd, buffer.data(), buffer.size());
    } while (got < 0 && errno == EINTR);
    return detail::counted(got, "read");
}

Result<std::size_t> read_at(int fd, std::span<char> buffer, std::size_t offset) {
    ssize_t got = 0;
    do {
        got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    return detail::counted(got, "pread");
}

Result<std::size_t> write_some(int fd, std::string_view bytes) {
    ssize_t taken = 0;
    do {
        taken = ::write(fd, bytes.data(), bytes.size());
    } while (taken < 0 && errno == EINTR);
    return detail::counted(taken, "write");
}

bool is_writable(int fd, int timeout_ms) {
    return poll_for(fd, POLLOUT, timeout_ms);
}

bool is_readable(int fd, int timeout_ms) {
    return poll_for(fd, POLLIN, timeout_ms);
}

Result<void> set_nonblocking(int fd, bool on) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return last_error("fcntl", "F_GETFL");
    const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags && ::fcntl(fd, F_SETFL, wanted) < 0) return last_error("fcntl", "F_SETFL");
    return {};
}

Result<UniqueFd> duplicate(int fd, int lowest) {
    UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
    if (!copy) return last_error("fcntl", "F_DUPFD_CLOEXEC");
    return copy;
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

Result<void> truncate_file(int fd, std::size_t size) {
    return detail::done(::ftruncate(fd, static_cast<off_t>(size)), "ftruncate");
}

Result<void> raise_open_files() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return last_error("getrlimit", "RLIMIT_NOFILE");
    limit.rlim_cur = limit.rlim_max;
    return detail::done(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit", "RLIMIT_NOFILE");
}

} // namespace stead::sys
