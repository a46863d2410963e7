#include "context/mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "context/paths.h"
#include "context/root.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/path.h"
#include "sys/setup.h"

namespace stead::context {

namespace {

using recipe::MountKind;

struct Device {
    std::string_view name;
    unsigned major;
    unsigned minor;
};

constexpr std::array kDevices = {
    Device{"null", 1, 3},   Device{"zero", 1, 5},    Device{"full", 1, 7},
    Device{"random", 1, 8}, Device{"urandom", 1, 9}, Device{"tty", 5, 0},
};

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

const char* name_of(const std::string& path) {
    return path.c_str() + path.rfind('/') + 1;
}

bool is_missing(const Error& error) {
    return error.code == ENOENT || error.code == ENOTDIR;
}

Result<bool> is_folder(int fd) {
    const struct stat status = TRY(sys::status_at(fd, "", AT_EMPTY_PATH));
    return S_ISDIR(status.st_mode);
}

/// What a refused step means to the person who wrote it.
Error explain(const Error& error, const recipe::Mount& mount) {
    if (error.code == ELOOP) {
        return about(
            {"a symbolic link on the way, where a guest's root must have a real folder:", {}, 0},
            mount.target, mount.origin);
    }
    if (error.code == ENOENT && mount.kind != MountKind::Bind) {
        return about({"the guest's root has no folder", {}, 0}, mount.target, mount.origin);
    }
    if (mount.kind == MountKind::Bind) {
        return about(error, mount.source + " on " + mount.target, mount.origin);
    }
    return about(error, mount.target, mount.origin);
}

bool is_new_instance(MountKind kind) {
    return kind == MountKind::Proc || kind == MountKind::Sysfs || kind == MountKind::Mqueue ||
           kind == MountKind::Devpts;
}

/// The mode among a tmpfs's or folder's options ("mode=1777").
mode_t mode_in(const std::vector<std::string>& options, mode_t otherwise) {
    for (const std::string& option : options) {
        if (!option.starts_with("mode=")) continue;
        mode_t mode = 0;
        for (const char digit : std::string_view(option).substr(5)) {
            if (digit < '0' || digit > '7') return otherwise;
            mode = mode * 8 + static_cast<mode_t>(digit - '0');
        }
        return mode & 07777U;
    }
    return otherwise;
}

} // namespace

Result<int> Tree::folder(const std::string& path) {
    if (path == "/") return parts_.root.get();
    for (const auto& [known, fd] : folders_) {
        if (known == path) return fd.get();
    }
    sys::UniqueFd opened;
    auto found = sys::resolve_beneath(parts_.root.get(), path.c_str(), O_PATH | O_DIRECTORY);
    if (!found && found.error().code == ENOENT && is_ours(recipe_, path)) {
        const int above = TRY(folder(parent_of(path)));
        found = sys::make_folders(above, name_of(path), 0755);
    }
    if (!found) return found.error();
    folders_.emplace_back(path, *std::move(found));
    return folders_.back().second.get();
}

void Tree::forget(std::string_view path) {
    std::erase_if(folders_, [&](const auto& entry) { return is_below(entry.first, path); });
}

void Tree::close_later(sys::UniqueFd mount, std::uint64_t attributes) {
    to_close_.emplace_back(std::move(mount), attributes);
}

Result<int> Tree::own_parent(const recipe::Mount& mount) {
    if (!is_ours(recipe_, mount.target)) return make_error("make", mount.target, EROFS);
    return folder(parent_of(mount.target));
}

Result<sys::UniqueFd> Tree::target_of(const recipe::Mount& mount, bool is_folder) {
    const int root = parts_.root.get();
    if (is_ours(recipe_, mount.target)) {
        const int parent = TRY(folder(parent_of(mount.target)));
        const char* name = name_of(mount.target);
        if (is_folder) return sys::make_folders(parent, name, 0755);
        auto made = sys::open_at(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0644);
        if (!made && made.error().code != EEXIST) return made.error();
        return sys::resolve_beneath(parent, name, O_PATH);
    }
    // A bind goes where the guest itself would see the path; our own file systems only where the
    // path is real, because everything that follows relies on its text.
    if (mount.kind == MountKind::Bind) {
        return sys::resolve_in_root(root, mount.target.c_str(), O_PATH);
    }
    return sys::resolve_beneath(root, mount.target.c_str(), O_PATH | (is_folder ? O_DIRECTORY : 0));
}

Result<void> Tree::add_tmpfs(const recipe::Mount& mount) {
    const sys::UniqueFd target = TRY(target_of(mount, /*is_folder=*/true));
    const std::string options = tmpfs_options(recipe_, mount.options);
    const std::uint64_t attributes = mount.attributes;
    TRY(sys::mount_filesystem("stead", sys::DescriptorPath(target.get()).c_str(), "tmpfs",
                              attributes & ~sys::kMountReadOnly, options.c_str()));
    forget(mount.target);
    if ((attributes & sys::kMountReadOnly) != 0) {
        auto top = TRY(
            sys::resolve_beneath(parts_.root.get(), mount.target.c_str(), O_PATH | O_DIRECTORY));
        close_later(std::move(top), sys::kMountReadOnly);
    }
    return {};
}

Result<void> Tree::add_bind(const recipe::Mount& mount) {
    const sys::UniqueFd source = TRY(sys::open_at(AT_FDCWD, mount.source.c_str(), O_PATH));
    const sys::UniqueFd copy = TRY(sys::clone_mount(source.get(), "", mount.recursive));
    sys::MountChange change;
    change.set = mount.attributes;
    change.recursive = mount.recursive;
    if (mount.idmap) change.user_namespace = parts_.user_namespace.get();
    if (change.set != 0 || change.user_namespace >= 0) TRY(sys::change_mount(copy.get(), change));
    bool folder_source = true;
    if (is_ours(recipe_, mount.target)) folder_source = TRY(is_folder(copy.get()));
    const sys::UniqueFd target = TRY(target_of(mount, folder_source));
    TRY(sys::attach_mount(copy.get(), target.get()));
    forget(mount.target);
    return {};
}

Result<void> Tree::add_cgroup(const recipe::Mount& mount) {
    if (!parts_.cgroup_view) return make_error("no cgroup2 folder for", mount.target, ENOENT);
    const sys::UniqueFd target = TRY(target_of(mount, /*is_folder=*/true));
    TRY(sys::attach_mount(parts_.cgroup_view.get(), target.get()));
    forget(mount.target);
    return {};
}

Result<void> Tree::add_device(const recipe::Mount& mount) {
    const auto* known = std::find_if(kDevices.begin(), kDevices.end(), [&](const Device& device) {
        return device.name == mount.source;
    });
    if (known == kDevices.end()) return make_error("no such device node:", mount.source, EINVAL);
    const int parent = TRY(own_parent(mount));
    // The tmpfs belongs to the host's user namespace, so that its nodes work in a guest that could
    // not make any.
    return sys::make_device(parent, name_of(mount.target), 0666, known->major, known->minor);
}

Result<void> Tree::add_link(const recipe::Mount& mount) {
    const int parent = TRY(own_parent(mount));
    return sys::make_link(mount.source.c_str(), parent, name_of(mount.target));
}

Result<void> Tree::add_folder(const recipe::Mount& mount) {
    const int parent = TRY(own_parent(mount));
    const mode_t mode = mode_in(mount.options, 0755);
    auto made = sys::make_folder(parent, name_of(mount.target), mode);
    if (!made && made.error().code == EEXIST) return {};
    return made;
}

Result<void> Tree::add_file(const recipe::Mount& mount) {
    const int parent = TRY(own_parent(mount));
    const auto file =
        TRY(sys::open_at(parent, name_of(mount.target), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY,
                         mode_in(mount.options, 0644)));
    return sys::write_full(file.get(), mount.source);
}

/// What covers is ours and empty, and its mount is read-only already: the copy is, too.
Result<void> Tree::add_mask(const recipe::Mount& mount) {
    auto target = sys::resolve_in_root(parts_.root.get(), mount.target.c_str(), O_PATH);
    if (!target) {
        if (is_missing(target.error())) return {};
        return target.error();
    }
    const char* name = TRY(is_folder(target->get())) ? "/run/stead/empty.d" : "/run/stead/empty";
    const auto cover = TRY(sys::resolve_beneath(parts_.root.get(), name, O_PATH));
    return sys::bind_mount(sys::DescriptorPath(cover.get()).c_str(),
                           sys::DescriptorPath(target->get()).c_str());
}

Result<void> Tree::add_read_only(const recipe::Mount& mount) {
    auto target = sys::resolve_in_root(parts_.root.get(), mount.target.c_str(), O_PATH);
    if (!target) {
        if (is_missing(target.error())) return {};
        return target.error();
    }
    const auto copy = TRY(sys::clone_mount(target->get(), "", /*recursive=*/true));
    sys::MountChange change;
    change.set = mount.attributes | sys::kMountReadOnly;
    change.recursive = true;
    TRY(sys::change_mount(copy.get(), change));
    TRY(sys::attach_mount(copy.get(), target->get()));
    forget(mount.target);
    return {};
}

/// The child mounts these; the folder it needs can only be made here.
Result<void> Tree::prepare_late(const recipe::Mount& mount) {
    if (!is_ours(recipe_, mount.target)) return {};
    TRY(folder(mount.target));
    return {};
}

Result<void> Tree::apply(const recipe::Mount& mount) {
    switch (mount.kind) {
    case MountKind::Tmpfs:
        return add_tmpfs(mount);
    case MountKind::Bind:
        return add_bind(mount);
    case MountKind::Cgroup:
        return add_cgroup(mount);
    case MountKind::Device:
        return add_device(mount);
    case MountKind::Link:
        return add_link(mount);
    case MountKind::Folder:
        return add_folder(mount);
    case MountKind::File:
        return add_file(mount);
    case MountKind::Mask:
        return add_mask(mount);
    case MountKind::ReadOnly:
        return add_read_only(mount);
    case MountKind::Proc:
    case MountKind::Sysfs:
    case MountKind::Mqueue:
    case MountKind::Devpts:
        return prepare_late(mount);
    }
    return make_error("mount", mount.target, EINVAL);
}

Result<void> Tree::apply_some(bool covering) {
    for (const recipe::Mount& mount : recipe_.mounts) {
        const bool covers = mount.kind == MountKind::Mask || mount.kind == MountKind::ReadOnly;
        const bool prepares = is_new_instance(mount.kind);
        if (covers != covering || (is_late(recipe_, mount) && !prepares)) continue;
        auto applied = apply(mount);
        if (applied || (mount.optional && is_missing(applied.error()))) continue;
        return explain(applied.error(), mount);
    }
    return {};
}

Result<void> Tree::close_up() {
    for (auto& [mount, attributes] : to_close_) {
        TRY(sys::change_mount(mount.get(), {.set = attributes}));
    }
    to_close_.clear();
    if (recipe_.root.read_only) {
        TRY(sys::change_mount(parts_.root.get(), {.set = sys::kMountReadOnly}));
    }
    return {};
}

} // namespace stead::context
