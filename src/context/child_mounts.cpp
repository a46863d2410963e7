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
    Walk(const recipe::Context& recipe, Parts parts)
        : recipe_(recipe)
        , parts_(parts) {}

    Result<void> run() {
        root_ = keep(TRY(sys::open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY)));
        // In a user namespace of its own the child has a mount namespace of its own, too, where the
        // builder's descriptors name nothing that could be mounted.
        if (recipe_.users == recipe::Users::Private) {
            parts_.empty_file = keep(TRY(sys::resolve_beneath(root_, "/run/stead/empty", O_PATH)));
            parts_.empty_folder =
                keep(TRY(sys::resolve_beneath(root_, "/run/stead/empty.d", O_PATH)));
        }
        for (const recipe::Mount& mount : recipe_.mounts) {
            if (!is_late(recipe_, mount)) continue;
            auto applied = apply(mount);
            if (!applied && !(mount.optional && applied.error().code == ENOENT)) {
                return explain(applied.error(), mount);
            }
        }
        return enter(root_);
    }

private:
    static Error explain(const Error& error, const recipe::Mount& mount) {
        if (is_new_instance(mount.kind) && error.code == ELOOP) {
            return about({"a symbolic link where a guest's root must have a real folder:", {}, 0},
                         mount.target, mount.origin);
        }
        if (is_new_instance(mount.kind) && error.code == ENOENT) {
            return about({"the guest's root has no folder", {}, 0}, mount.target, mount.origin);
        }
        return about(error, mount.target, mount.origin);
    }

    Result<void> apply(const recipe::Mount& mount) {
        if (is_new_instance(mount.kind)) return add_instance(mount);
        TRY(enter_above(mount.target));
        const char* name = mount.target.c_str() + entered_.size() + 1;
        if (mount.kind == MountKind::Mask) return add_mask(name);
        if (mount.kind == MountKind::ReadOnly) return add_read_only(name, mount.attributes);
        if (mount.kind == MountKind::Cgroup) return add_cgroup(name);
        return make_error("mount", "only masks and read-only views go here", EINVAL);
    }

    Result<void> add_instance(const recipe::Mount& mount) {
        const char* type = file_system_of(mount.kind);
        if (mount.kind == MountKind::Devpts && parts_.devpts >= 0) {
            const int target =
                keep(TRY(sys::resolve_beneath(root_, mount.target.c_str(), O_PATH | O_DIRECTORY)));
            return sys::attach_mount(parts_.devpts, target);
        }
        const std::string options = joined(mount.options);
        const auto place = [&](const char* target) {
            return sys::mount_filesystem(type, target, type, mount.attributes, options.c_str());
        };
        if (has_only_our_names(recipe_, mount.target)) {
            return place(sys::DescriptorPath(root_, mount.target.substr(1)).c_str());
        }
        const int target =
            keep(TRY(sys::resolve_beneath(root_, mount.target.c_str(), O_PATH | O_DIRECTORY)));
        return place(sys::DescriptorPath(target).c_str());
    }

    /// Enters the mount of the recipe that `target` lies in.
    Result<void> enter_above(const std::string& target) {
        const recipe::Mount* cover = nullptr;
        for (const recipe::Mount& mount : recipe_.mounts) {
            if (!is_new_instance(mount.kind) || mount.target == target) continue;
            if (is_below(target, mount.target)) cover = &mount;
        }
        if (cover == nullptr) return make_error("mount", target, EINVAL);
        if (cover->target == entered_) return {};
        const int folder =
            keep(TRY(sys::resolve_beneath(root_, cover->target.c_str(), O_PATH | O_DIRECTORY)));
        TRY(enter(folder));
        entered_ = cover->target;
        return {};
    }

    static Result<void> enter(int folder) {
        if (::fchdir(folder) < 0) return last_error("fchdir");
        return {};
    }

    /// A copy of the empty file; where the target is a folder, of the empty folder.
    Result<void> add_mask(const char* name) {
        auto covered = sys::bind_mount(sys::DescriptorPath(parts_.empty_file).c_str(), name);
        if (!covered && covered.error().code == ENOTDIR) {
            covered = sys::bind_mount(sys::DescriptorPath(parts_.empty_folder).c_str(), name);
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
        if (parts_.cgroup_view < 0) return make_error("no cgroup2 folder", {}, ENOENT);
        return sys::attach_mount_at(parts_.cgroup_view, AT_FDCWD, name);
    }

    const recipe::Context& recipe_;
    Parts parts_;
    int root_ = -1;
    std::string entered_;
};

} // namespace

Result<void> mount_instances(const recipe::Context& recipe, const Parts& parts) {
    return Walk(recipe, parts).run();
}

} // namespace stead::context
