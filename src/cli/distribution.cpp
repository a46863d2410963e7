#include "cli/distribution.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "compile/calls.h"
#include "guests/state.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/setup.h"
#include "unitfile/document.h"

namespace stead::cli {

namespace {

using importing::RootText;

/// Made by the launcher, on a file system that the guest cannot write.
constexpr const char* kMarker = "/run/stead/distribution";
constexpr std::size_t kMaxEntries = 16384;

class Root {
public:
    explicit Root(sys::UniqueFd folder)
        : folder_(std::move(folder)) {}

    [[nodiscard]] std::vector<std::string> list(const std::string& path) const {
        std::vector<std::string> names;
        const auto folder =
            sys::resolve_in_root(folder_.get(), path.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK);
        if (!folder) return names;
        std::array<std::byte, 16384> buffer;
        while (names.size() < kMaxEntries) {
            const auto size = sys::read_entries(folder->get(), buffer);
            if (!size || *size == 0) break;
            add_names(std::span(buffer).first(*size), names);
        }
        return names;
    }

    [[nodiscard]] std::optional<std::string> link(const std::string& path) const {
        const auto slash = path.rfind('/');
        const std::string parent = path.substr(0, slash == 0 ? 1 : slash);
        const auto folder =
            sys::resolve_in_root(folder_.get(), parent.c_str(), O_PATH | O_DIRECTORY);
        if (!folder) return std::nullopt;
        std::array<char, PATH_MAX> text;
        const auto size = sys::read_link(folder->get(), path.c_str() + slash + 1, text);
        if (!size) return std::nullopt;
        return std::string(text.data(), *size);
    }

    [[nodiscard]] bool exists(const std::string& path) const {
        return sys::resolve_in_root(folder_.get(), path.c_str(), O_PATH).has_value();
    }

    [[nodiscard]] RootText read(const std::string& path) const {
        const auto failed = [](const Error& error) {
            return RootText{{}, "cannot be read: " + std::string(std::strerror(error.code))};
        };
        const auto found = sys::resolve_in_root(folder_.get(), path.c_str(), O_PATH);
        if (!found && error_is_absence(found.error().code)) return {};
        if (!found) return failed(found.error());
        const auto status = sys::status_at(found->get(), "", AT_EMPTY_PATH);
        if (!status) return failed(status.error());
        if (S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3))
            return {std::string(), {}};
        // Opening a device or a FIFO would do something.
        if (!S_ISREG(status->st_mode)) return {{}, "it is no regular file"};
        const auto file =
            sys::resolve_in_root(folder_.get(), path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (!file) return failed(file.error());
        auto text = guests::read_open_file(file->get(), path.c_str(), importing::kMaxSourceSize);
        if (!text) return failed(text.error());
        if (const auto at = unitfile::find_invalid_utf8(*text))
            return {{}, "line " + std::to_string(at->line) + " is not UTF-8 text"};
        if (text->find('\0') != std::string::npos) return {{}, "there is a NUL in it"};
        return {std::move(*text), {}};
    }

private:
    static bool error_is_absence(int code) { return code == ENOENT || code == ENOTDIR; }

    static void add_names(std::span<const std::byte> entries, std::vector<std::string>& names) {
        // struct linux_dirent64 of getdents64(2): inode, offset, length of the record, type, name.
        constexpr std::size_t kLength = 16;
        constexpr std::size_t kName = 19;
        while (entries.size() > kName) {
            std::uint16_t length = 0;
            std::memcpy(&length, entries.data() + kLength, sizeof length);
            if (length <= kName || length > entries.size()) return;
            const auto* const text = reinterpret_cast<const char*>(entries.data() + kName);
            const std::string name(text, ::strnlen(text, length - kName));
            if (name != "." && name != "..") names.push_back(name);
            entries = entries.subspan(length);
        }
    }

    sys::UniqueFd folder_;
};

} // namespace

bool in_distribution() {
    return sys::open_at(AT_FDCWD, kMarker, O_PATH).has_value();
}

std::optional<importing::RootView> view_of(const std::string& root) {
    auto folder = sys::open_at(AT_FDCWD, root.c_str(), O_PATH | O_DIRECTORY);
    if (!folder) return std::nullopt;
    // The second owner is each of the view's functions.
    const auto held = std::make_shared<const Root>(std::move(*folder));
    return importing::RootView{
        [held](const std::string& path) { return held->list(path); },
        [held](const std::string& path) { return held->link(path); },
        [held](const std::string& path) { return held->read(path); },
        [held](const std::string& path) { return held->exists(path); },
    };
}

importing::Distribution distribution_of(const importing::RootView& root, bool here) {
    importing::Options options;
    if (here) {
        options.hard_limit = [](std::uint32_t resource) {
            const auto limit = sys::get_limit(resource);
            return limit ? limit->hard : ~std::uint64_t{0};
        };
    }
    options.is_call = [](std::string_view name) {
        return compile::is_call_name(name) || compile::find_group(name).has_value();
    };
    return importing::import_distribution(root, options);
}

} // namespace stead::cli
