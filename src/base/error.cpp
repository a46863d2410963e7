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

// How many subjects are kept. Between the making of an error and its telling others are made, by
// what is undone meanwhile: on the host that can be a whole guest's start.
#ifdef STEAD_PID1
constexpr std::uint32_t kKeptTexts = 8;
#else
constexpr std::uint32_t kKeptTexts = 1024;
#endif

struct KeptText {
    std::uint32_t number = 0;
    FixedString<96> text;
};

// The one mutable global of the project: an error must neither fail to be made nor be wider than
// two registers, so what it is about lies here.
KeptText kept_texts[kKeptTexts];
std::uint32_t last_text = 0;

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

Error make_error(const char* operation, std::string_view subject, int code) {
    return {operation, code, keep_text(subject)};
}

std::string_view Error::subject() const {
    if (text == 0) return {};
    const KeptText& place = kept_texts[text % kKeptTexts];
    return place.number == text ? place.text.view() : "...";
}

std::string_view errno_name(int code) {
    for (const ErrnoName& known : kNames) {
        if (known.code == code) return known.name;
    }
    return {};
}

FixedString<256> describe(const Error& error) {
    FixedString<256> text{std::string_view(error.operation)};
    if (const std::string_view subject = error.subject(); !subject.empty())
        text.append(error.operation[0] == '\0' ? "" : " ").append(subject);
    if (error.code != 0) {
        // Every program of this project has one thread.
        text.append(": ").append(std::strerror(error.code)); // NOLINT(concurrency-mt-unsafe)
    }
    return text;
}

} // namespace stead
