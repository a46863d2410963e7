#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>

#include <dirent.h>

#include "base/error.h"
#include "model/names.h"
#include "unitfile/document.h"
#include "unitfile/names.h"
#include "unitfile/reader.h"

namespace stead::unitfile {

namespace {

/// More entries than this in a unit folder is no unit folder.
constexpr std::size_t kMaxEntries = 16384;

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

struct CloseFolder {
    void operator()(DIR* folder) const { (void)::closedir(folder); }
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

/// All of a regular file, or nothing and a message.
std::optional<std::string> read_all(int fd, const std::string& path, Diagnostics& diagnostics) {
    const Place place{path, 0, 0};
    std::string text;
    // One byte more than allowed shows a file that is too large, whatever its size claims to be.
    text.resize(kMaxFileSize + 1);
    std::size_t filled = 0;
    while (filled < text.size()) {
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

/// The TOML files of a folder by the name of their unit.
using FolderEntries = std::map<std::string, std::string>;

/// Nothing: there is no such folder.
std::optional<FolderEntries> list_folder(const std::string& folder, Diagnostics& diagnostics) {
    const std::unique_ptr<DIR, CloseFolder> open(::opendir(folder.c_str()));
    if (!open) {
        if (errno != ENOENT) diagnostics.error({folder, 0, 0}, in_words(errno));
        return std::nullopt;
    }
    FolderEntries entries;
    std::size_t count = 0;
    errno = 0;
    // readdir is safe here: the stream is ours alone.
    while (const dirent* entry = ::readdir(open.get())) { // NOLINT(concurrency-mt-unsafe)
        if (++count > kMaxEntries) {
            diagnostics.error({folder, 0, 0}, "more than 16384 entries; the rest is left out");
            break;
        }
        const std::string_view name = entry->d_name;
        // Hidden files are editors' and package managers' own.
        if (name.starts_with('.')) continue;
        const std::string path = folder + "/" + std::string(name);
        if (name.ends_with(".toml.d"))
            diagnostics.error({path, 0, 0}, "drop-ins are not supported yet");
        if (name.ends_with(".toml")) entries[name_of_file(name)] = path;
    }
    return entries;
}

/// The first error of `diagnostics` from index `first` on, in one line.
std::string first_error(const Diagnostics& diagnostics, std::size_t first) {
    for (std::size_t i = first; i < diagnostics.all().size(); ++i) {
        const Diagnostic& diagnostic = diagnostics.all()[i];
        if (diagnostic.severity != Severity::Error) continue;
        return render(diagnostic.place) + ": " + diagnostic.message;
    }
    return {};
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
    auto text = read_all(file.fd(), path, diagnostics);
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

std::optional<GuestSpec> load_guest(const std::string& path, Diagnostics& diagnostics) {
    const auto text = load_text(path, diagnostics);
    if (!text) return std::nullopt;
    return read_guest(*text, path, name_of_file(path), diagnostics);
}

UnitFolders load_unit_folders(const std::vector<std::string>& folders, Diagnostics& diagnostics) {
    UnitFolders result;
    FolderEntries files;
    for (const std::string& folder : folders) {
        auto entries = list_folder(folder, diagnostics);
        if (!entries) continue;
        result.searched.push_back(folder);
        // merge() keeps what is there: the first folder wins.
        files.merge(*entries);
    }
    for (const auto& [name, path] : files) {
        const std::size_t first = diagnostics.all().size();
        if (result.units.size() == kMaxUnits) {
            diagnostics.error({path, 0, 0},
                              "more than " + std::to_string(kMaxUnits) + " units; left out");
        } else if (auto unit = load_unit(path, diagnostics)) {
            result.units.push_back(std::move(*unit));
            continue;
        }
        result.rejected.push_back({name, first_error(diagnostics, first)});
    }
    return result;
}

} // namespace stead::unitfile
