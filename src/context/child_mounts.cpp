#include "context/child_mounts.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "context/paths.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/path.h"

namespace stead::context {

namespace {

using recipe::MountKind;

const char* file_system_of(MountKind kind) {
    switch (kind) {
    case MountKind::Proc:
        return "proc";
    case MountKind::Sysfs:
        return "sysfs";
    case MountKind::Mqueue:
        return "mqueue";
    case MountKind::Devpts:
        return "devpts";
    default:
        return nullptr;
    }
}

std::string joined(const std::vector<std::string>& options) {
    std::string text;
    for (const std::string& option : options) {
        if (!text.empty()) text += ',';
        text += option;
    }
    return text;
}

/// The child's walk through the recipe. Below a mount of ours that only the kernel fills, and that
/// nobody else has seen yet, names are what they say: the walk enters such a mount once and works
/// with names relative to it.
class Walk {
public:
    explicit Walk(const recipe::Context& recipe, const Parts& parts)
        : recipe_(recipe)
        , parts_(parts) {}

    Result<void> run() {
        root_ = TRY(sys::open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY));
        for (const recipe::Mount& mount : recipe_.mounts) {
            if (!is_late(recipe_, mount)) continue;
            auto applied = apply(mount);
            if (!applied && !(mount.optional && applied.error().code == ENOENT)) {
                return about(applied.error(), mount.target, mount.origin);
            }
        }
        return enter(root_.get());
    }

private:
    Result<void> apply(const recipe::Mount& mount) {
        if (file_system_of(mount.kind) != nullptr) return add_instance(mount);
        TRY(enter_above(mount.target));
        const char* name = mount.target.c_str() + entered_.size() + 1;
        if (mount.kind == MountKind::Mask) return add_mask(name);
        if (mount.kind == MountKind::ReadOnly) return add_read_only(name, mount.attributes);
        if (mount.kind == MountKind::Cgroup) return add_cgroup(name);
        return make_error("mount", "only masks and read-only views go here", EINVAL);
    }

    Result<void> add_instance(const recipe::Mount& mount) {
        const char* type = file_system_of(mount.kind);
        const auto target =
            TRY(sys::resolve_beneath(root_.get(), mount.target.c_str(), O_PATH | O_DIRECTORY));
        const std::string options = joined(mount.options);
        TRY(sys::mount_filesystem(type, sys::DescriptorPath(target.get()).c_str(), type,
                                  mount.attributes, options.c_str()));
        entered_.clear();
        return {};
    }

    /// Enters the mount of the recipe that `target` lies in.
    Result<void> enter_above(const std::string& target) {
        const recipe::Mount* cover = nullptr;
        for (const recipe::Mount& mount : recipe_.mounts) {
            if (file_system_of(mount.kind) == nullptr || mount.target == target) continue;
            if (is_below(target, mount.target)) cover = &mount;
        }
        if (cover == nullptr) return make_error("mount", target, EINVAL);
        if (cover->target == entered_) return {};
        const auto folder =
            TRY(sys::resolve_beneath(root_.get(), cover->target.c_str(), O_PATH | O_DIRECTORY));
        TRY(enter(folder.get()));
        entered_ = cover->target;
        return {};
    }

    static Result<void> enter(int folder) {
        if (::fchdir(folder) < 0) return last_error("fchdir");
        return {};
    }

    /// A copy of the empty file; where the target is a folder, of the empty folder.
    Result<void> add_mask(const char* name) {
        if (!empty_file_) {
            empty_file_ = TRY(sys::resolve_beneath(root_.get(), "/run/stead/empty", O_PATH));
            empty_folder_ = TRY(sys::resolve_beneath(root_.get(), "/run/stead/empty.d", O_PATH));
        }
        auto covered = sys::bind_mount(sys::DescriptorPath(empty_file_.get()).c_str(), name);
        if (!covered && covered.error().code == ENOTDIR) {
            covered = sys::bind_mount(sys::DescriptorPath(empty_folder_.get()).c_str(), name);
        }
        if (!covered && covered.error().code != ENOENT) return covered;
        return {};
    }

    static Result<void> add_read_only(const char* name, std::uint64_t attributes) {
        auto bound = sys::bind_mount(name, name);
        if (!bound && bound.error().code == ENOENT) return {};
        if (!bound) return bound;
        constexpr std::uint64_t kAll =
            sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
        return sys::remount_bind(name, attributes | kAll);
    }

    Result<void> add_cgroup(const char* name) {
        if (!parts_.cgroup_view) return make_error("no cgroup2 folder", {}, ENOENT);
        return sys::attach_mount_at(parts_.cgroup_view.get(), AT_FDCWD, name);
    }

    const recipe::Context& recipe_;
    const Parts& parts_;
    sys::UniqueFd root_;
    std::string entered_;
    sys::UniqueFd empty_file_;
    sys::UniqueFd empty_folder_;
};

} // namespace

Result<void> mount_instances(const recipe::Context& recipe, const Parts& parts) {
    return Walk(recipe, parts).run();
}

} // namespace stead::context
