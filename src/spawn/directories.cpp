#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/words.h"
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
            fail(child, SpawnStage::Directories);
        fd = ::openat(folder, name, kOpenFolder);
    }
    if (fd < 0) fail(child, SpawnStage::Directories);
    return fd;
}

/// Walks `path` one component at a time and returns its last folder.
int walk(const Child& child, std::string_view path) {
    int folder = ::open("/", kOpenFolder);
    if (folder < 0) fail(child, SpawnStage::Directories);
    std::array<char, 256> name{};
    while (!path.empty()) {
        const std::string_view component = take_part(path, '/');
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

    if (::fstat(folder, &now) < 0) fail(child, SpawnStage::Directories);
    if ((now.st_uid != child.exec.uid || now.st_gid != child.exec.gid) && child.change_identity) {
        if (::fchown(folder, child.exec.uid, child.exec.gid) < 0)
            fail(child, SpawnStage::Directories);
    }
    if ((now.st_mode & 07777U) != mode && ::fchmod(folder, mode) < 0)
        fail(child, SpawnStage::Directories);
}

/// "NAME=/path" becomes a file NAME in `folder` that only the unit's user may read.
void copy_credential(const Child& child, int folder, std::string_view pair) {
    const std::size_t equals = pair.find('=');
    std::array<char, 256> name{};
    if (equals >= name.size()) fail(child, SpawnStage::Credentials, EINVAL);
    std::copy_n(pair.begin(), equals, name.begin());
    // Strings of a plan end in NUL.
    const int from = ::open(pair.data() + equals + 1, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (from < 0) fail(child, SpawnStage::Credentials);
    (void)::unlinkat(folder, name.data(), 0);
    const int to =
        ::openat(folder, name.data(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
    if (to < 0) fail(child, SpawnStage::Credentials);
    std::array<char, 4096> buffer;
    constexpr std::size_t kMost = std::size_t{1} << 20U;
    for (std::size_t copied = 0;;) {
        const ssize_t size = ::read(from, buffer.data(), buffer.size());
        if (size < 0) fail(child, SpawnStage::Credentials);
        if (size == 0) break;
        copied += static_cast<std::size_t>(size);
        if (copied > kMost) fail(child, SpawnStage::Credentials, EFBIG);
        if (::write(to, buffer.data(), static_cast<std::size_t>(size)) != size)
            fail(child, SpawnStage::Credentials);
    }
    if (child.change_identity && ::fchown(to, child.exec.uid, child.exec.gid) < 0)
        fail(child, SpawnStage::Credentials);
    ::close(from);
    ::close(to);
}

} // namespace

void make_credentials(const Child& child) {
    if (child.credentials == nullptr) return;
    const std::string_view path = child.credentials;
    const int parent = walk(child, path.substr(0, path.rfind('/')));
    const char* name = child.credentials + path.rfind('/') + 1;
    // The parent lists units, the folder itself only its user may enter.
    if (::mkdirat(parent, name, 0700) < 0 && errno != EEXIST) fail(child, SpawnStage::Credentials);
    const int folder = ::openat(parent, name, kOpenFolder);
    if (folder < 0) fail(child, SpawnStage::Credentials);
    for (std::size_t i = 0; i < child.exec.credentials.size(); ++i)
        copy_credential(child, folder, child.exec.credentials[i]);
    if (child.change_identity && ::fchown(folder, child.exec.uid, child.exec.gid) < 0)
        fail(child, SpawnStage::Credentials);
    if (::fchmod(folder, 0500) < 0) fail(child, SpawnStage::Credentials);
    ::close(folder);
    ::close(parent);
}

void make_directories(const Child& child) {
    for (const DirectoryView& directory : child.directories) {
        const int folder = walk(child, directory.path);
        give_away(child, folder, directory.mode);
        ::close(folder);
    }
}

} // namespace stead::spawn
