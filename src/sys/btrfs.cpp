#include "sys/btrfs.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sys/file.h"
#include "sys/outcome.h"

namespace stead::sys {

namespace {

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

/// The folder of its file system's groups. ENOENT: there are none.
Result<UniqueFd> open_groups(int fd) {
    btrfs_ioctl_fs_info_args info{};
    if (::ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0) return last_error("BTRFS_IOC_FS_INFO");
    std::array<char, 80> path{};
    char* at = path.data() + std::snprintf(path.data(), path.size(), "/sys/fs/btrfs/");
    for (std::size_t i = 0; i < sizeof(info.fsid); ++i) {
        const bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        at += std::snprintf(at, 4, "%s%02x", dash ? "-" : "", unsigned{info.fsid[i]});
    }
    (void)std::snprintf(at, 9, "/qgroups");
    return open_at(AT_FDCWD, path.data(), O_RDONLY | O_DIRECTORY);
}

Result<std::uint64_t> read_number(int folder, const char* name) {
    const UniqueFd file = TRY(open_at(folder, name, O_RDONLY));
    std::array<char, 32> text{};
    const ssize_t size = ::read(file.get(), text.data(), text.size() - 1);
    if (size <= 0) return last_error("read");
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(text.data(), &end, 10);
    if (end == text.data()) return make_error("read", name, EINVAL);
    return number;
}

} // namespace

bool is_btrfs(int fd) {
    struct statfs status {};

    return ::fstatfs(fd, &status) == 0 && status.f_type == BTRFS_SUPER_MAGIC;
}

Result<bool> has_qgroups(int fd) {
    const auto groups = open_groups(fd);
    if (!groups && groups.error().code != ENOENT) return groups.error();
    return groups.has_value();
}

Result<void> make_subvolume(int parent, const char* name) {
    btrfs_ioctl_vol_args arguments{};
    const std::size_t size = std::strlen(name);
    if (size >= sizeof(arguments.name)) return make_error("subvolume", name, ENAMETOOLONG);
    std::memcpy(arguments.name, name, size);
    return detail::done(::ioctl(parent, BTRFS_IOC_SUBVOL_CREATE, &arguments),
                        "BTRFS_IOC_SUBVOL_CREATE");
}

Result<std::uint64_t> subvolume_of(int fd) {
    struct stat status {};

    if (::fstat(fd, &status) < 0) return last_error("fstat");
    if (!is_btrfs(fd) || status.st_ino != BTRFS_FIRST_FREE_OBJECTID)
        return make_error("subvolume of", "", ENODATA);
    btrfs_ioctl_ino_lookup_args lookup{};
    lookup.objectid = BTRFS_FIRST_FREE_OBJECTID;
    if (::ioctl(fd, BTRFS_IOC_INO_LOOKUP, &lookup) < 0) return last_error("BTRFS_IOC_INO_LOOKUP");
    return lookup.treeid;
}

Result<QgroupUse> read_qgroup(int fd, std::uint64_t subvolume) {
    const auto groups = open_groups(fd);
    std::array<char, 32> name{};
    (void)std::snprintf(name.data(), name.size(), "0_%" PRIu64, subvolume);
    const auto group = groups ? open_at(groups->get(), name.data(), O_RDONLY | O_DIRECTORY)
                              : Result<UniqueFd>(groups.error());
    if (!group)
        return make_error("qgroup", name.data(),
                          group.error().code == ENOENT ? ENODATA : group.error().code);
    QgroupUse use;
    use.bytes = TRY(read_number(group->get(), "referenced"));
    const std::uint64_t flags = TRY(read_number(group->get(), "limit_flags"));
    if ((flags & BTRFS_QGROUP_LIMIT_MAX_RFER) != 0)
        use.most_bytes = TRY(read_number(group->get(), "max_referenced"));
    return use;
}

Result<void> limit_qgroup(int fd, std::uint64_t subvolume, std::uint64_t bytes) {
    btrfs_ioctl_qgroup_limit_args arguments{};
    arguments.qgroupid = subvolume;
    arguments.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
    arguments.lim.max_rfer = bytes == 0 ? kNoLimit : bytes;
    return detail::done(::ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &arguments), "BTRFS_IOC_QGROUP_LIMIT");
}

Result<void> forget_qgroup(int fd, std::uint64_t subvolume) {
    btrfs_ioctl_qgroup_create_args arguments{};
    arguments.qgroupid = subvolume;
    return detail::done(::ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &arguments),
                        "BTRFS_IOC_QGROUP_CREATE");
}

} // namespace stead::sys
