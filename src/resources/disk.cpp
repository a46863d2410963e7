#include "resources/disk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "sys/btrfs.h"
#include "sys/file.h"
#include "sys/quota.h"

namespace stead::resources {

namespace {

/// The nearest folder at or above `path` that is there.
Result<sys::UniqueFd> open_nearest(std::string path) {
    while (true) {
        auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
        if (folder || folder.error().code != ENOENT || path.size() < 2) return folder;
        path.resize(path.rfind('/'));
        if (path.empty()) path = "/";
    }
}

/// What makes the file system `of_type` count projects.
std::string way_out(long of_type, const sys::QuotaState& state) {
    if (of_type == XFS_SUPER_MAGIC)
        return "is on xfs without project quotas; mount that with -o prjquota (its first mount: "
               "a remount does not do; of the root file system: rootflags=prjquota for the kernel)";
    if (of_type != EXT4_SUPER_MAGIC)
        return "is on " +
               std::string(of_type == TMPFS_MAGIC             ? "a tmpfs"
                           : of_type == OVERLAYFS_SUPER_MAGIC ? "an overlay"
                                                              : "a file system") +
               ", which has no project quotas; put /var/lib/stead on ext4 or xfs that has, or on "
               "btrfs";
    if (state.counted)
        return "is on ext4 whose project quotas are counted and not enforced; mount it with "
               "-o prjquota";
    return "is on ext4 without project quotas; unmount it, 'tune2fs -O project,quota -Q prjquota "
           "DEVICE', mount it with -o prjquota";
}

/// Of guests' disks the state folder, which is there before any of them is.
std::string folder_above(const std::string& disk) {
    const std::size_t guests = disk.rfind("/guests/");
    return guests == std::string::npos ? disk : disk.substr(0, guests);
}

std::string btrfs_problem(int folder, const std::string& path, DiskCount count) {
    if (count == DiskCount::Inodes)
        return "is on btrfs, which counts bytes and no inodes; ext4 and xfs count both";
    const auto counting = sys::has_qgroups(folder);
    if (!counting) return "cannot be looked at: " + std::string(describe(counting.error()).view());
    if (!*counting) return "is on btrfs without quotas; 'btrfs quota enable " + path + "'";
    if (::geteuid() != 0) return "is limited by the host's file system, which takes root";
    return {};
}

class KernelQuotas : public DiskQuotas {
public:
    std::string problem(const std::string& folder, DiskCount count) const override {
        const auto open = open_nearest(folder);
        if (!open) return "cannot be looked at: " + std::string(describe(open.error()).view());

        struct statfs status {};

        if (::fstatfs(open->get(), &status) < 0) return "cannot be looked at";
        if (status.f_type == BTRFS_SUPER_MAGIC)
            return btrfs_problem(open->get(), folder_above(folder), count);
        const auto state = sys::project_quotas(open->get());
        if (!state || !state->enforced)
            return way_out(status.f_type, state ? *state : sys::QuotaState{});
        if (::geteuid() != 0) return "is limited by the host's file system, which takes root";
        const auto project = sys::project_of(open->get());
        const bool foreign = project && project->inherited &&
                             (project->id < kFirstProject || project->id > kLastProject);
        if (foreign)
            return "lies in project " + std::to_string(project->id) +
                   " of somebody else's; take the folder out of it ('chattr -P -p 0')";
        return {};
    }

    Result<DiskUse> read(const std::string& folder) const override {
        const Opened opened = TRY(open(folder));
        if (opened.subvolume) {
            const sys::QgroupUse use =
                TRY(sys::read_qgroup(opened.folder.get(), *opened.subvolume));
            return DiskUse{use.bytes, std::nullopt, use.most_bytes, 0};
        }
        const sys::ProjectQuota quota =
            TRY(sys::read_project_quota(opened.folder.get(), opened.project));
        return DiskUse{quota.bytes, quota.inodes, quota.most_bytes, quota.most_inodes};
    }

    Result<void> limit(const std::string& folder,
                       std::optional<std::uint64_t> bytes,
                       std::optional<std::uint64_t> inodes) const override {
        const Opened opened = TRY(open(folder));
        if (opened.subvolume) {
            if (inodes) return make_error("qgroup of", folder, EOPNOTSUPP);
            return bytes ? sys::limit_qgroup(opened.folder.get(), *opened.subvolume, *bytes)
                         : Result<void>();
        }
        return sys::limit_project(opened.folder.get(), opened.project, bytes, inodes);
    }

private:
    struct Opened {
        sys::UniqueFd folder;
        std::uint32_t project = 0;
        /// On btrfs, in place of it.
        std::optional<std::uint64_t> subvolume;
    };

    static Result<Opened> open(const std::string& path) {
        Opened opened;
        opened.folder =
            TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        if (sys::is_btrfs(opened.folder.get())) {
            opened.subvolume = TRY(sys::subvolume_of(opened.folder.get()));
            return opened;
        }
        const sys::Project project = TRY(sys::project_of(opened.folder.get()));
        // Anybody else's limits are not ours to change.
        if (!project.inherited || project.id < kFirstProject || project.id > kLastProject)
            return make_error("project of", path, ENODATA);
        opened.project = project.id;
        return opened;
    }
};

const DiskQuotas& quotas_of(const Subject& subject) {
    return subject.quotas != nullptr ? *subject.quotas : kernel_quotas();
}

bool counts_bytes(const Level& level) {
    return counted_by(level) == DiskCount::Bytes;
}

} // namespace

DiskCount counted_by(const Level& level) {
    return level.form == Form::Space ? DiskCount::Bytes : DiskCount::Inodes;
}

const DiskQuotas& kernel_quotas() {
    static const KernelQuotas kKernel;
    return kKernel;
}

std::string disk_problem(const Subject& subject, const Level& level) {
    const std::string key(level.key);
    if (subject.disk.empty() && subject.no_disk.empty())
        return key + " needs a disk of the guest's own, and " + subject.name +
               " was started by a stead that did not tell of it; stop and start it";
    if (subject.disk.empty())
        return key + " needs a disk of the guest's own, and " + subject.name +
               " has none: " + subject.no_disk +
               "; a guest with image = \"NAME\" keeps its changes on one";
    const std::string problem = quotas_of(subject).problem(subject.disk, counted_by(level));
    if (!problem.empty()) return key + ": the disk of " + subject.name + " " + problem;
    const auto use = quotas_of(subject).read(subject.disk);
    if (!use && use.error().code == ENODATA)
        return key + ": the disk of " + subject.name +
               " was made before its file system counted what it takes; it is counted from the "
               "next start with this level on: 'stead stop " +
               subject.name + "', then set it with --save";
    return {};
}

Result<std::string> read_disk(const Subject& subject, const Level& level) {
    const DiskUse use = TRY(quotas_of(subject).read(subject.disk));
    const std::uint64_t most = counts_bytes(level) ? use.most_bytes : use.most_inodes;
    return most == 0 ? std::string("max") : std::to_string(most);
}

Result<void> write_disk(const Subject& subject, const Level& level, const std::string& content) {
    std::uint64_t most = 0;
    const char* const end = content.data() + content.size();
    if (content != "max" && std::from_chars(content.data(), end, most).ptr != end)
        return make_error("write", level.key, EINVAL);
    if (counts_bytes(level)) return quotas_of(subject).limit(subject.disk, most, std::nullopt);
    return quotas_of(subject).limit(subject.disk, std::nullopt, most);
}

std::optional<std::int64_t> disk_use(const Subject& subject, const Level& level) {
    const auto use = quotas_of(subject).read(subject.disk);
    if (!use || (!counts_bytes(level) && !use->inodes)) return std::nullopt;
    return static_cast<std::int64_t>(counts_bytes(level) ? use->bytes : *use->inodes);
}

} // namespace stead::resources
