#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "spawn/steps.h"

namespace stead::spawn {

namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

/// Opens `name` below `folder`, making it first if it is missing. No symbolic link is followed:
/// whoever could plant one would choose what is given away.
int enter_or_make(const Child& child, int folder, const char* name) {
    int fd = ::openat(folder, name, kOpenFolder);
    if (fd < 0 && errno == ENOENT) {
        if (::mkdirat(folder, name, 0755) < 0 && errno != EEXIST)
            fail(child, SpawnStage::Directories, errno);
        fd = ::openat(folder, name, kOpenFolder);
    }
    if (fd < 0) fail(child, SpawnStage::Directories, errno);
    return fd;
}

/// Walks `path` one component at a time and returns its last folder.
int walk(const Child& child, std::string_view path) {
    int folder = ::open("/", kOpenFolder);
    if (folder < 0) fail(child, SpawnStage::Directories, errno);
    std::array<char, 256> name{};
    while (!path.empty()) {
        const std::size_t size = std::min(path.find('/'), path.size());
        const std::string_view component = path.substr(0, size);
        path.remove_prefix(std::min(size + 1, path.size()));
        if (component.empty()) continue;
        if (component == "." || component == ".." || component.size() >= name.size())
            fail(child, SpawnStage::Directories, EINVAL);
        *std::copy(component.begin(), component.end(), name.begin()) = '\0';
        const int next = enter_or_make(child, folder, name.data());
        ::close(folder);
        folder = next;
    }
    return folder;
}

void give_away(const Child& child, int folder, std::uint32_t mode) {
    struct stat now {};

    if (::fstat(folder, &now) < 0) fail(child, SpawnStage::Directories, errno);
    if ((now.st_uid != child.exec.uid || now.st_gid != child.exec.gid) && child.change_identity) {
        if (::fchown(folder, child.exec.uid, child.exec.gid) < 0)
            fail(child, SpawnStage::Directories, errno);
    }
    if ((now.st_mode & 07777U) != mode && ::fchmod(folder, mode) < 0)
        fail(child, SpawnStage::Directories, errno);
}

} // namespace

void make_directories(const Child& child) {
    for (const DirectoryView& directory : child.directories) {
        const int folder = walk(child, directory.path);
        give_away(child, folder, directory.mode);
        ::close(folder);
    }
}

} // namespace stead::spawn
