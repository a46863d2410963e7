#include "context/child_mounts.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "context/mounts.h"
#include "context/names.h"
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
        for (const recipe::Mount& mount : recipe_.mounts) {
            if (!is_late(recipe_, mount)) continue;
            auto applied = apply(mount);
            if (!applied && !(mount.optional && applied.error().code == ENOENT)) {
                return explain(applied.error(), mount);
            }
        }
        TRY(leave());
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
        if (mount.kind == MountKind::ReadOnly) return add_read_only(name);
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
            TRY(leave());
            TRY(enter(root_));
            entered_.clear();
            return place(mount.target.c_str() + 1);
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
        TRY(leave());
        folder_ =
            keep(TRY(sys::resolve_beneath(root_, cover->target.c_str(), O_RDONLY | O_DIRECTORY)));
        TRY(enter(folder_));
        names_ = TRY(Names::of(folder_));
        entered_ = cover->target;
        is_writable_ = (cover->attributes & sys::kMountReadOnly) == 0;
        // Up to the guest's root and down to our own folder: no link can be on the way.
        std::string way;
        for (const char c : cover->target)
            if (c == '/') way += "../";
        way += kGuestFolder.substr(1);
        empty_file_ = way + "/" + kEmptyFile;
        empty_folder_ = way + "/" + kEmptyFolder;
        return {};
    }

    /// The read-only views so far are copies as writable as their mount: one call closes them all,
    /// and one opens that mount again. The guest is not running yet.
    Result<void> leave() {
        if (!has_views_) return {};
        constexpr std::uint64_t kAll =
            sys::kMountReadOnly | sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
        TRY(sys::change_mount(folder_, {.set = kAll, .recursive = true}));
        if (is_writable_) TRY(sys::change_mount(folder_, {.clear = sys::kMountReadOnly}));
        has_views_ = false;
        return {};
    }

    static Result<void> enter(int folder) {
        if (::fchdir(folder) < 0) return last_error("fchdir");
        return {};
    }

    /// What is at `name` in the mount that was entered, or if it is deeper in there, at its first
    /// component. Nothing: the kernel has no such file.
    [[nodiscard]] std::optional<Names::Kind> find(std::string_view name) const {
        const std::size_t slash = name.find('/');
        const auto kind = names_.find(name.substr(0, slash));
        if (kind && slash != std::string_view::npos) return Names::Kind::Unknown;
        return kind;
    }

    /// A copy of the empty file; where the target is a folder, of the empty folder.
    Result<void> add_mask(const char* name) {
        const auto kind = find(name);
        if (!kind) return {};
        if (*kind == Names::Kind::Folder) {
            return sys::bind_mount(empty_folder_.c_str(), name);
        }
        auto covered = sys::bind_mount(empty_file_.c_str(), name);
        if (!covered && covered.error().code == ENOTDIR) {
            covered = sys::bind_mount(empty_folder_.c_str(), name);
        }
        if (!covered && covered.error().code != ENOENT) return covered;
        return {};
    }

    Result<void> add_read_only(const char* name) {
        if (!find(name)) return {};
        auto bound = sys::bind_mount(name, name);
        if (!bound && bound.error().code == ENOENT) return {};
        has_views_ = has_views_ || bound;
        return bound;
    }

    Result<void> add_cgroup(const char* name) {
        if (parts_.cgroup_view < 0) return make_error("no cgroup2 folder", {}, ENOENT);
        return sys::attach_mount_at(parts_.cgroup_view, AT_FDCWD, name);
    }

    const recipe::Context& recipe_;
    Parts parts_;
    int root_ = -1;
    /// The mount of the recipe that the walk is in.
    std::string entered_;
    int folder_ = -1;
    Names names_;
    std::string empty_file_;
    std::string empty_folder_;
    bool is_writable_ = true;
    bool has_views_ = false;
};

} // namespace

Result<void> mount_instances(const recipe::Context& recipe, const Parts& parts) {
    return Walk(recipe, parts).run();
}

} // namespace stead::context
