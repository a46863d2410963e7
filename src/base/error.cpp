#include "base/error.h"

#include <array>
#include <cstring>

namespace stead {

namespace {

struct ErrnoName {
    int code;
    std::string_view name;
};

// clang-format off
#define NAMED(code) ErrnoName{code, #code}
constexpr std::array kNames = {
    NAMED(EPERM), NAMED(ENOENT), NAMED(ESRCH), NAMED(EINTR), NAMED(EIO), NAMED(ENXIO), NAMED(E2BIG),
    NAMED(ENOEXEC), NAMED(EBADF), NAMED(ECHILD), NAMED(EAGAIN), NAMED(ENOMEM), NAMED(EACCES), NAMED(EFAULT),
    NAMED(EBUSY), NAMED(EEXIST), NAMED(EXDEV), NAMED(ENODEV), NAMED(ENOTDIR), NAMED(EISDIR), NAMED(EINVAL),
    NAMED(ENFILE), NAMED(EMFILE), NAMED(ENOTTY), NAMED(ETXTBSY), NAMED(EFBIG), NAMED(ENOSPC), NAMED(ESPIPE),
    NAMED(EROFS), NAMED(EMLINK), NAMED(EPIPE), NAMED(EDOM), NAMED(ERANGE), NAMED(EDEADLK), NAMED(ENAMETOOLONG),
    NAMED(ENOLCK), NAMED(ENOSYS), NAMED(ENOTEMPTY), NAMED(ELOOP), NAMED(ENODATA), NAMED(EPROTO), NAMED(EBADMSG),
    NAMED(EOVERFLOW), NAMED(EUSERS), NAMED(ENOTSOCK), NAMED(EMSGSIZE), NAMED(EPROTONOSUPPORT), NAMED(EOPNOTSUPP),
    NAMED(EAFNOSUPPORT), NAMED(EADDRINUSE), NAMED(EADDRNOTAVAIL), NAMED(ENETDOWN), NAMED(ENETUNREACH),
    NAMED(ECONNABORTED), NAMED(ECONNRESET), NAMED(ENOBUFS), NAMED(EISCONN), NAMED(ENOTCONN), NAMED(ETIMEDOUT),
    NAMED(ECONNREFUSED), NAMED(EHOSTUNREACH), NAMED(EALREADY), NAMED(EINPROGRESS), NAMED(ESTALE), NAMED(EDQUOT),
    NAMED(ECANCELED), NAMED(ENOKEY), NAMED(EBADE),
};
#undef NAMED
// clang-format on

} // namespace

Error last_error(const char* operation, std::string_view subject) {
    return {operation, FixedString<96>(subject), errno};
}

Error make_error(const char* operation, std::string_view subject, int code) {
    return {operation, FixedString<96>(subject), code};
}

std::string_view errno_name(int code) {
    for (const ErrnoName& known : kNames) {
        if (known.code == code) return known.name;
    }
    return {};
}

FixedString<256> describe(const Error& error) {
    FixedString<256> text{std::string_view(error.operation)};
    if (!error.subject.empty())
        text.append(error.operation[0] == '\0' ? "" : " ").append(error.subject.view());
    if (error.code != 0) {
        // Every program of this project has one thread.
        text.append(": ").append(std::strerror(error.code)); // NOLINT(concurrency-mt-unsafe)
    }
    return text;
}

} // namespace stead
