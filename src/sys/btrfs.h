#pragma once

#include <cstdint>

#include "base/result.h"

/// Subvolumes of btrfs, trees of files within it that it counts and limits one by one: what other
/// file systems have projects for (sys/quota.h). ioctl(2), linux/btrfs.h, and what the kernel shows
/// in /sys/fs/btrfs (Linux 5.9). btrfs counts bytes only.
namespace stead::sys {

/// Whether `fd` is a file or folder of btrfs.
bool is_btrfs(int fd);

/// Whether the btrfs of `fd` counts what its subvolumes take ("btrfs quota enable").
Result<bool> has_qgroups(int fd);

/// Makes an empty subvolume, a folder of the mode 0755, in `parent`. EEXIST.
Result<void> make_subvolume(int parent, const char* name);

/// The number of the subvolume whose root folder `fd` is. ENODATA: it is another folder, or on
/// another file system.
Result<std::uint64_t> subvolume_of(int fd);

/// What a subvolume takes, as of the file system's last commit (every 30 s, sync(2)), blocks that
/// others share included; and may take, 0: no limit.
struct QgroupUse {
    std::uint64_t bytes = 0;
    std::uint64_t most_bytes = 0;
};

/// ENODATA: nothing is counted there.
Result<QgroupUse> read_qgroup(int fd, std::uint64_t subvolume);
/// 0: no limit. It holds from now on. CAP_SYS_ADMIN of the host.
Result<void> limit_qgroup(int fd, std::uint64_t subvolume, std::uint64_t bytes);
/// Counts the subvolume no more. EBUSY: it is there, or on its way out still; Linux 6.11 does this
/// by itself in the end, before that it is to be asked again.
Result<void> forget_qgroup(int fd, std::uint64_t subvolume);

} // namespace stead::sys
