#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "import/read.h"
#include "unitfile/document.h"

namespace stead::importing {

namespace {

/// A descriptor that is closed at the end of its block.
struct Opened {
    int fd;

    explicit Opened(const std::string& path)
        // O_NONBLOCK: opening a FIFO must not wait for its writer.
        : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}

    ~Opened() {
        if (fd >= 0) (void)::close(fd);
    }

    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;
    Opened(Opened&&) = delete;
    Opened& operator=(Opened&&) = delete;
};

std::string in_words(int code) {
    return std::generic_category().message(code);
}

} // namespace

ReadText read_source(const std::string& path) {
    const Opened file(path);
    if (file.fd < 0) return {{}, "cannot be opened: " + in_words(errno)};

    struct stat status {};

    if (::fstat(file.fd, &status) != 0) return {{}, "cannot be read: " + in_words(errno)};
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)) return {std::string(), {}};
    if (!S_ISREG(status.st_mode)) return {{}, "it is no regular file"};
    std::string text(kMaxSourceSize + 1, '\0');
    std::size_t filled = 0;
    while (filled < text.size()) {
        const ssize_t got = ::read(file.fd, text.data() + filled, text.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return {{}, "cannot be read: " + in_words(errno)};
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    if (filled > kMaxSourceSize) return {{}, "it is larger than 1 MiB"};
    text.resize(filled);
    if (const auto at = unitfile::find_invalid_utf8(text))
        return {{}, "line " + std::to_string(at->line) + " is not UTF-8 text"};
    if (text.find('\0') != std::string::npos) return {{}, "there is a NUL in it"};
    return {std::move(text), {}};
}

} // namespace stead::importing
