#include "sys/quota.h"

#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

/// Linux 5.14. The commands of xfs, which ext4 answers too.
long quota_call(int fd, unsigned command, std::uint32_t id, void* data) {
    return ::syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), id, data);
}

/// The kernel's "basic blocks".
constexpr std::uint64_t kBlock = 512;

} // namespace

Result<Project> project_of(int fd) {
    fsxattr attributes{};
    if (::ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return last_error("FS_IOC_FSGETXATTR");
    return Project{attributes.fsx_projid, (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0};
}

Result<void> set_project(int fd, const Project& project) {
    fsxattr attributes{};
    if (::ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0) return last_error("FS_IOC_FSGETXATTR");
    attributes.fsx_projid = project.id;
    attributes.fsx_xflags &= ~static_cast<std::uint32_t>(FS_XFLAG_PROJINHERIT);
    if (project.inherited) attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    return detail::done(::ioctl(fd, FS_IOC_FSSETXATTR, &attributes), "FS_IOC_FSSETXATTR");
}

Result<QuotaState> project_quotas(int fd) {
    fs_quota_statv state{};
    state.qs_version = FS_QSTATV_VERSION1;
    if (quota_call(fd, Q_XGETQSTATV, 0, &state) < 0) {
        // No quota of any kind is switched on.
        if (errno == ENOSYS || errno == ESRCH) return QuotaState{};
        return last_error("Q_XGETQSTATV");
    }
    return QuotaState{(state.qs_flags & FS_QUOTA_PDQ_ACCT) != 0,
                      (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0};
}

Result<ProjectQuota> read_project_quota(int fd, std::uint32_t project) {
    fs_disk_quota quota{};
    if (quota_call(fd, Q_XGETQUOTA, project, &quota) < 0) {
        if (errno == ENOENT) return ProjectQuota{}; // xfs has never heard of it.
        return last_error("Q_XGETQUOTA");
    }
    return ProjectQuota{quota.d_bcount * kBlock, quota.d_icount, quota.d_blk_hardlimit * kBlock,
                        quota.d_ino_hardlimit};
}

Result<void> limit_project(int fd,
                           std::uint32_t project,
                           std::optional<std::uint64_t> bytes,
                           std::optional<std::uint64_t> inodes) {
    fs_disk_quota quota{};
    quota.d_version = FS_DQUOT_VERSION;
    quota.d_flags = FS_PROJ_QUOTA;
    quota.d_id = project;
    // A soft limit of somebody else's would be the first to hold.
    if (bytes) {
        quota.d_fieldmask |= FS_DQ_BSOFT | FS_DQ_BHARD;
        quota.d_blk_hardlimit = *bytes / kBlock + (*bytes % kBlock != 0 ? 1 : 0);
    }
    if (inodes) {
        quota.d_fieldmask |= FS_DQ_ISOFT | FS_DQ_IHARD;
        quota.d_ino_hardlimit = *inodes;
    }
    return detail::done(quota_call(fd, Q_XSETQLIM, project, &quota), "Q_XSETQLIM");
}

} // namespace stead::sys
