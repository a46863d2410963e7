#include "sys/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace stead::sys {

namespace {

constexpr std::size_t kMaxName = 255;
constexpr int kMostTries = 1000;

Result<UniqueFd> resolve(int root, const char* path, int flags, std::uint64_t how_to) {
    // RESOLVE_BENEATH refuses an absolute path; below a root descriptor it means the same without
    // its slash.
    while (*path == '/')
        ++path;
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
    how.resolve = how_to | RESOLVE_NO_MAGICLINKS;
    const char* name = *path == '\0' ? "." : path;
    for (int tries = 0;; ++tries) {
        const auto fd = static_cast<int>(::syscall(SYS_openat2, root, name, &how, sizeof how));
        if (fd >= 0) return UniqueFd(fd);
        // A rename or mount elsewhere during the walk makes the kernel ask for another try
        // (openat2(2)). Who renames without end shall not hold us for ever.
        if ((errno != EAGAIN && errno != EINTR) || tries >= kMostTries)
            return last_error("openat2", path);
    }
}

/// The first component of `path`, moved past; empty at the end.
std::string_view take_component(const char*& path) {
    while (*path == '/')
        ++path;
    const char* begin = path;
    while (*path != '\0' && *path != '/')
        ++path;
    return {begin, static_cast<std::size_t>(path - begin)};
}

} // namespace

Result<UniqueFd> resolve_in_root(int root, const char* path, int flags) {
    return resolve(root, path, flags, RESOLVE_IN_ROOT);
}

Result<UniqueFd> resolve_beneath(int root, const char* path, int flags) {
    return resolve(root, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<Place> resolve_parent(int root, const char* path) {
    const char* slash = std::strrchr(path, '/');
    const char* name = slash == nullptr ? path : slash + 1;
    const std::string_view last = name;
    if (last.empty() || last == "." || last == "..") {
        return make_error("openat2", path, EINVAL);
    }
    const FixedString<4095> parent{std::string_view(path, static_cast<std::size_t>(name - path))};
    if (parent.truncated()) return make_error("openat2", path, ENAMETOOLONG);
    return Place{TRY(resolve_beneath(root, parent.c_str(), O_PATH | O_DIRECTORY)), name};
}

Result<UniqueFd> make_folders(int root, const char* path, mode_t mode) {
    const char* const whole = path;
    UniqueFd at = TRY(resolve_beneath(root, "", O_PATH | O_DIRECTORY));
    for (auto name = take_component(path); !name.empty(); name = take_component(path)) {
        if (name.size() > kMaxName) return make_error("mkdirat", whole, ENAMETOOLONG);
        if (name == "..") return make_error("mkdirat", whole, EINVAL);
        const FixedString<kMaxName> component{name};
        if (::mkdirat(at.get(), component.c_str(), mode) < 0 && errno != EEXIST) {
            return last_error("mkdirat", whole);
        }
        auto next = resolve_beneath(at.get(), component.c_str(), O_PATH | O_DIRECTORY);
        if (!next) return make_error("openat2", whole, next.error().code);
        at = *std::move(next);
    }
    return at;
}

DescriptorPath::DescriptorPath(int fd, std::string_view name)
    : text_("/proc/self/fd/") {
    text_.append_number(fd);
    if (!name.empty()) text_.append("/").append(name);
    if (text_.truncated()) text_.clear();
}

} // namespace stead::sys
