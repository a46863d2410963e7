#include "images/tree.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sys/file.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

constexpr std::size_t kMaxRemove = 200;

/// struct linux_dirent64 of getdents64(2).
constexpr std::size_t kRecordSizeAt = 16;
constexpr std::size_t kNameAt = 19;

Result<sys::UniqueFd> open_folder(int folder, const char* name) {
    return sys::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Result<void> walk_into(int folder, std::string& path, std::size_t depth, Visit& visit) {
    if (depth > kMaxWalk) return make_error("walk", path, ELOOP);
    for (const std::string& name : TRY(names_in(folder))) {
        const struct stat status = TRY(sys::status_at(folder, name.c_str(), AT_SYMLINK_NOFOLLOW));
        const std::size_t before = path.size();
        if (!path.empty()) path += '/';
        path += name;
        const Way way = TRY(visit(Step{folder, name, path, status}));
        if (way == Way::On && S_ISDIR(status.st_mode)) {
            const sys::UniqueFd below = TRY(open_folder(folder, name.c_str()));
            TRY(walk_into(below.get(), path, depth + 1, visit));
        }
        path.resize(before);
    }
    return {};
}

/// Whatever lies deeper than `kMaxRemove` is moved up to `top`, under a name of ours, and met again
/// there.
struct Removal {
    int top = -1;
    std::uint64_t moved = 0;
    bool again = false;

    Result<void> empty(int folder, std::size_t depth) {
        for (const std::string& name : TRY(names_in(folder))) {
            Result<void> removed = sys::remove_at(folder, name.c_str(), false);
            if (!removed && (removed.error().code == EISDIR || removed.error().code == EPERM))
                removed = remove_folder(folder, name, depth);
            if (!removed && removed.error().code != ENOENT) return removed;
        }
        return {};
    }

    Result<void> remove_folder(int folder, const std::string& name, std::size_t depth) {
        if (depth == kMaxRemove) {
            const std::string other = ".stead-deep-" + std::to_string(moved++);
            again = true;
            return sys::move_to(folder, name.c_str(), top, other.c_str());
        }
        {
            const sys::UniqueFd below = TRY(open_folder(folder, name.c_str()));
            TRY(empty(below.get(), depth + 1));
        }
        return sys::remove_at(folder, name.c_str(), true);
    }
};

} // namespace

Result<std::vector<std::string>> names_in(int folder) {
    std::vector<std::string> names;
    std::array<std::byte, 32768> buffer{};
    while (true) {
        const std::size_t size = TRY(sys::read_entries(folder, buffer));
        if (size == 0) break;
        for (std::size_t at = 0; at < size;) {
            std::uint16_t record = 0;
            std::memcpy(&record, buffer.data() + at + kRecordSizeAt, sizeof record);
            std::string name(reinterpret_cast<const char*>(buffer.data()) + at + kNameAt);
            if (name != "." && name != "..") names.push_back(std::move(name));
            at += record;
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> walk(int folder, Visit visit) {
    // A descriptor of its own: that of the caller may have been read already.
    const sys::UniqueFd top = TRY(open_folder(folder, "."));
    std::string path;
    return walk_into(top.get(), path, 0, visit);
}

Result<void> empty_folder(int folder) {
    // A descriptor of its own: that of the caller may have been read already.
    Removal removal;
    do {
        const sys::UniqueFd top = TRY(open_folder(folder, "."));
        removal.again = false;
        removal.top = top.get();
        TRY(removal.empty(top.get(), 0));
    } while (removal.again);
    return {};
}

Result<void> remove_tree(int folder, const char* name) {
    Result<void> removed = sys::remove_at(folder, name, false);
    if (!removed && (removed.error().code == EISDIR || removed.error().code == EPERM)) {
        {
            const sys::UniqueFd below = TRY(open_folder(folder, name));
            TRY(empty_folder(below.get()));
        }
        removed = sys::remove_at(folder, name, true);
    }
    if (!removed && removed.error().code == ENOENT) return {};
    return removed;
}

void allow_many_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
    (void)::setrlimit(RLIMIT_NOFILE, &limit); // A tree that needs more is told of as such.
}

} // namespace stead::images
