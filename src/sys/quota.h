#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"

/// Project quotas of file systems (quotactl_fd(2), ext4 and xfs): every file belongs to a project,
/// a number, and the kernel counts and limits what the files of a project take together.
namespace stead::sys {

/// Which project a file or folder belongs to (FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR).
struct Project {
    /// 0: none.
    std::uint32_t id = 0;
    /// A folder: what is made in it belongs to the same project.
    bool inherited = false;
};

/// ENOTTY, EOPNOTSUPP: its file system knows no projects.
Result<Project> project_of(int fd);
Result<void> set_project(int fd, const Project& project);

/// Whether the file system of `fd` counts what projects take, and whether their limits hold.
struct QuotaState {
    bool counted = false;
    bool enforced = false;
};

Result<QuotaState> project_quotas(int fd);

/// What a project takes on the file system of `fd`, and may take; a limit of 0 is none. Bytes are
/// counted in units of 512.
struct ProjectQuota {
    std::uint64_t bytes = 0;
    std::uint64_t inodes = 0;
    std::uint64_t most_bytes = 0;
    std::uint64_t most_inodes = 0;
};

Result<ProjectQuota> read_project_quota(int fd, std::uint32_t project);
/// Sets the limits that are given.
Result<void> limit_project(int fd,
                           std::uint32_t project,
                           std::optional<std::uint64_t> bytes,
                           std::optional<std::uint64_t> inodes);

} // namespace stead::sys
