#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "model/names.h"
#include "unitfile/document.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"

namespace stead::unitfile {

namespace {

/// A descriptor that is closed at the end of its block.
class OpenFile {
public:
    explicit OpenFile(const std::string& path)
        // O_NONBLOCK: opening a FIFO must not wait for its writer. O_NOCTTY: nor may a terminal
        // become ours.
        : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}

    ~OpenFile() {
        if (fd_ >= 0) (void)::close(fd_);
    }

    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    OpenFile(OpenFile&&) = delete;
    OpenFile& operator=(OpenFile&&) = delete;

    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
};

std::string in_words(int code) {
    const auto text = describe(make_error("", "", code));
    std::string words(text.view());
    while (!words.empty() && (words.front() == ':' || words.front() == ' '))
        words.erase(words.begin());
    return words;
}

std::string_view what_it_is(mode_t mode) {
    if (S_ISDIR(mode)) return "a folder";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

/// All of a regular file that claims this size, or nothing and a message.
std::optional<std::string>
read_all(int fd, off_t size, const std::string& path, Diagnostics& diagnostics) {
    const Place place{path, 0, 0};
    std::string text;
    // One byte more than it claims, and at last one more than allowed: the size may be wrong (0 in
    // /proc) or change, and memory that no file needs is not made, many times a command.
    text.resize(std::min(static_cast<std::size_t>(size), kMaxFileSize) + 1);
    std::size_t filled = 0;
    while (filled <= kMaxFileSize) {
        if (filled == text.size()) text.resize(kMaxFileSize + 1);
        const ssize_t got = ::read(fd, text.data() + filled, text.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            diagnostics.error(place, "cannot be read: " + in_words(errno));
            return std::nullopt;
        }
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    if (filled > kMaxFileSize) {
        diagnostics.error(place, "larger than 1 MiB, which no unit or guest file is");
        return std::nullopt;
    }
    text.resize(filled);
    return text;
}

} // namespace

std::string name_of_file(std::string_view path) {
    const auto slash = path.rfind('/');
    if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
    if (path.ends_with(".toml")) path.remove_suffix(5);
    return std::string(path);
}

std::optional<std::string> load_text(const std::string& path, Diagnostics& diagnostics) {
    const Place place{path, 0, 0};
    const OpenFile file(path);
    if (file.fd() < 0) {
        // A socket answers ENXIO; what it is says more.
        struct stat status {};

        const int code = errno;
        const bool known = ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
        diagnostics.error(place,
                          known ? "a socket, not a file" : "cannot be opened: " + in_words(code));
        return std::nullopt;
    }

    struct stat status {};

    if (::fstat(file.fd(), &status) != 0) {
        diagnostics.error(place, "cannot be read: " + in_words(errno));
        return std::nullopt;
    }
    if (!S_ISREG(status.st_mode)) {
        diagnostics.error(place, std::string(what_it_is(status.st_mode)) + ", not a file");
        return std::nullopt;
    }
    auto text = read_all(file.fd(), status.st_size, path, diagnostics);
    if (!text) return std::nullopt;
    if (const auto at = find_invalid_utf8(*text)) {
        diagnostics.error({path, at->line, at->column},
                          "not UTF-8 text; unit and guest files are TOML in UTF-8");
        return std::nullopt;
    }
    return text;
}

std::optional<UnitSpec> load_unit(const std::string& path, Diagnostics& diagnostics) {
    const auto text = load_text(path, diagnostics);
    if (!text) return std::nullopt;
    return read_unit(*text, path, name_of_file(path), diagnostics);
}

} // namespace stead::unitfile
