#include "base/error.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace stead {

namespace {

struct ErrnoRow {
    int code;
    std::string_view name;
    std::string_view text;
};

// As the C library that the host's programs use spells them. (PID 1 has none:
// init/runtime_start.cpp.)
constexpr ErrnoRow kRows[] = {
    {EPERM, "EPERM", "Operation not permitted"},
    {ENOENT, "ENOENT", "No such file or directory"},
    {ESRCH, "ESRCH", "No such process"},
    {EINTR, "EINTR", "Interrupted system call"},
    {EIO, "EIO", "Input/output error"},
    {ENXIO, "ENXIO", "No such device or address"},
    {E2BIG, "E2BIG", "Argument list too long"},
    {ENOEXEC, "ENOEXEC", "Exec format error"},
    {EBADF, "EBADF", "Bad file descriptor"},
    {ECHILD, "ECHILD", "No child processes"},
    {EAGAIN, "EAGAIN", "Resource temporarily unavailable"},
    {ENOMEM, "ENOMEM", "Cannot allocate memory"},
    {EACCES, "EACCES", "Permission denied"},
    {EFAULT, "EFAULT", "Bad address"},
    {EBUSY, "EBUSY", "Device or resource busy"},
    {EEXIST, "EEXIST", "File exists"},
    {EXDEV, "EXDEV", "Invalid cross-device link"},
    {ENODEV, "ENODEV", "No such device"},
    {ENOTDIR, "ENOTDIR", "Not a directory"},
    {EISDIR, "EISDIR", "Is a directory"},
    {EINVAL, "EINVAL", "Invalid argument"},
    {ENFILE, "ENFILE", "Too many open files in system"},
    {EMFILE, "EMFILE", "Too many open files"},
    {ENOTTY, "ENOTTY", "Inappropriate ioctl for device"},
    {ETXTBSY, "ETXTBSY", "Text file busy"},
    {EFBIG, "EFBIG", "File too large"},
    {ENOSPC, "ENOSPC", "No space left on device"},
    {ESPIPE, "ESPIPE", "Illegal seek"},
    {EROFS, "EROFS", "Read-only file system"},
    {EMLINK, "EMLINK", "Too many links"},
    {EPIPE, "EPIPE", "Broken pipe"},
    {EDOM, "EDOM", "Numerical argument out of domain"},
    {ERANGE, "ERANGE", "Numerical result out of range"},
    {EDEADLK, "EDEADLK", "Resource deadlock avoided"},
    {ENAMETOOLONG, "ENAMETOOLONG", "File name too long"},
    {ENOLCK, "ENOLCK", "No locks available"},
    {ENOSYS, "ENOSYS", "Function not implemented"},
    {ENOTEMPTY, "ENOTEMPTY", "Directory not empty"},
    {ELOOP, "ELOOP", "Too many levels of symbolic links"},
    {ENODATA, "ENODATA", "No data available"},
    {EPROTO, "EPROTO", "Protocol error"},
    {EBADMSG, "EBADMSG", "Bad message"},
    {EOVERFLOW, "EOVERFLOW", "Value too large for defined data type"},
    {EUSERS, "EUSERS", "Too many users"},
    {ENOTSOCK, "ENOTSOCK", "Socket operation on non-socket"},
    {EMSGSIZE, "EMSGSIZE", "Message too long"},
    {EPROTONOSUPPORT, "EPROTONOSUPPORT", "Protocol not supported"},
    {EOPNOTSUPP, "EOPNOTSUPP", "Operation not supported"},
    {EAFNOSUPPORT, "EAFNOSUPPORT", "Address family not supported by protocol"},
    {EADDRINUSE, "EADDRINUSE", "Address already in use"},
    {EADDRNOTAVAIL, "EADDRNOTAVAIL", "Cannot assign requested address"},
    {ENETDOWN, "ENETDOWN", "Network is down"},
    {ENETUNREACH, "ENETUNREACH", "Network is unreachable"},
    {ECONNABORTED, "ECONNABORTED", "Software caused connection abort"},
    {ECONNRESET, "ECONNRESET", "Connection reset by peer"},
    {ENOBUFS, "ENOBUFS", "No buffer space available"},
    {EISCONN, "EISCONN", "Transport endpoint is already connected"},
    {ENOTCONN, "ENOTCONN", "Transport endpoint is not connected"},
    {ETIMEDOUT, "ETIMEDOUT", "Connection timed out"},
    {ECONNREFUSED, "ECONNREFUSED", "Connection refused"},
    {EHOSTUNREACH, "EHOSTUNREACH", "No route to host"},
    {EALREADY, "EALREADY", "Operation already in progress"},
    {EINPROGRESS, "EINPROGRESS", "Operation now in progress"},
    {ESTALE, "ESTALE", "Stale file handle"},
    {EDQUOT, "EDQUOT", "Disk quota exceeded"},
    {ECANCELED, "ECANCELED", "Operation canceled"},
    {ENOKEY, "ENOKEY", "Required key not available"},
    {EBADE, "EBADE", "Invalid exchange"},
};

constexpr std::size_t joined_size() {
    std::size_t size = 1;
    for (const ErrnoRow& row : kRows)
        size += 1 + row.name.size() + 1 + row.text.size() + 1;
    return size;
}

/// The rows one after the other, each a byte with the code and two texts with NUL at the end, and a
/// zero byte: a third of what the rows would take.
constexpr auto kJoined = [] {
    std::array<char, joined_size()> joined{};
    auto* at = joined.data();
    for (const ErrnoRow& row : kRows) {
        *at++ = static_cast<char>(row.code);
        at = std::copy(row.name.begin(), row.name.end(), at) + 1;
        at = std::copy(row.text.begin(), row.text.end(), at) + 1;
    }
    return joined;
}();

// Out of line, or the compiler follows the whole table and doubts that it ends.
[[gnu::noinline]] const char* after_text(const char* text) {
    return text + std::strlen(text) + 1;
}

/// The name of `code`, behind whose NUL its text begins; nothing for an unknown code.
const char* find_row(int code) {
    const char* at = kJoined.data();
    while (*at != '\0') {
        if (*at++ == code) return at;
        at = after_text(after_text(at));
    }
    return nullptr;
}

// How many subjects are kept. Between the making of an error and its telling others are made, by
// what is undone meanwhile: on the host that can be a whole guest's start.
#ifdef STEAD_PID1
constexpr std::uint32_t kKeptTexts = 8;
#define STEAD_PER_THREAD
#else
constexpr std::uint32_t kKeptTexts = 1024;
// An error's subject is told by the thread that made it (images/contents.h has several).
#define STEAD_PER_THREAD thread_local
#endif

struct KeptText {
    std::uint32_t number = 0;
    FixedString<96> text;
};

// The one mutable global of the project: an error must neither fail to be made nor be wider than
// two registers, so what it is about lies here.
constinit STEAD_PER_THREAD KeptText kept_texts[kKeptTexts];
constinit STEAD_PER_THREAD std::uint32_t last_text = 0;

std::uint32_t keep_text(std::string_view text) {
    if (text.empty()) return 0;
    last_text += 1;
    if (last_text == 0) last_text = 1;
    KeptText& place = kept_texts[last_text % kKeptTexts];
    place.number = last_text;
    place.text.clear();
    place.text.append(text);
    return last_text;
}

} // namespace

Error last_error(const char* operation, std::string_view subject) {
    return make_error(operation, subject, errno);
}

Error last_error(const char* operation) {
    return {operation, errno, 0};
}

Error make_error(const char* operation, std::string_view subject, int code) {
    return {operation, code, keep_text(subject)};
}

std::string_view Error::subject() const {
    if (text == 0) return {};
    const KeptText& place = kept_texts[text % kKeptTexts];
    return place.number == text ? place.text.view() : "...";
}

std::string_view errno_name(int code) {
    const char* row = find_row(code);
    return row == nullptr ? std::string_view() : row;
}

FixedString<256> describe(const Error& error) {
    FixedString<256> text{std::string_view(error.operation)};
    if (const std::string_view subject = error.subject(); !subject.empty())
        text.append(error.operation[0] == '\0' ? "" : " ").append(subject);
    if (error.code == 0) return text;
    text.append(": ");
    if (const char* row = find_row(error.code); row != nullptr) {
        text.append(after_text(row));
    } else {
#ifdef STEAD_PID1
        text.append("Unknown error ").append_number(error.code);
#else
        // Only a program's first thread describes errors.
        text.append(std::strerror(error.code)); // NOLINT(concurrency-mt-unsafe)
#endif
    }
    return text;
}

} // namespace stead
