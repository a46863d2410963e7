#include "context/mounts.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include "context/paths.h"
#include "context/root.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/path.h"
#include "sys/setup.h"
#include "sys/unix_socket.h"

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

/// The name as system calls want it: the end of a string is the end of its last component.
const char* last_name(const recipe::Mount& mount) {
    return mount.target.c_str() + mount.target.rfind('/') + 1;
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

/// An existing folder is as good.
Result<void> make_folder(int parent, const char* name, mode_t mode) {
    auto made = sys::make_folder(parent, name, mode);
    if (!made && made.error().code == EEXIST) return {};
    return made;
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

Result<int> Tree::clone_source(const recipe::Mount& mount) const {
    sys::UniqueFd copy =
        TRY(sys::clone_mount(AT_FDCWD, mount.source.c_str(), /*recursive=*/mount.recursive));
    sys::MountChange change;
    change.set = mount.attributes;
    change.recursive = mount.recursive;
    if (mount.idmap) change.user_namespace = parts_.user_namespace;
    if (change.set != 0 || change.user_namespace >= 0) TRY(sys::change_mount(copy.get(), change));
    return keep(std::move(copy));
}

Result<void> Tree::take_sources() {
    sources_.assign(recipe_.mounts.size(), -1);
    for (std::size_t at = 0; at < recipe_.mounts.size(); ++at) {
        const recipe::Mount& mount = recipe_.mounts[at];
        if (mount.kind != MountKind::Bind) continue;
        auto source = clone_source(mount);
        if (!source && mount.optional && is_missing(source.error())) continue;
        if (!source) return explain(source.error(), mount);
        sources_[at] = *source;
    }
    return {};
}

Result<int> Tree::folder(std::string_view path) {
    if (path == "/") return parts_.root;
    for (const auto& [known, fd] : folders_) {
        if (known == path) return fd;
    }
    const std::string name(path);
    auto found = sys::resolve_beneath(parts_.root, name.c_str(), O_PATH | O_DIRECTORY);
    if (!found && found.error().code == ENOENT && is_ours(recipe_, path)) {
        const int above = TRY(folder(parent_of(path)));
        found = sys::make_folders(above, std::string(name_of(path)).c_str(), 0755);
    }
    if (!found) return found.error();
    folders_.emplace_back(name, keep(*std::move(found)));
    return folders_.back().second;
}

void Tree::forget(std::string_view path) {
    std::erase_if(folders_, [&](const auto& entry) { return is_below(entry.first, path); });
}

Result<void> Tree::enter(int folder) {
    if (entered_ == folder) return {};
    if (::fchdir(folder) < 0) return last_error("fchdir", "a folder of the guest");
    entered_ = folder;
    return {};
}

Result<int> Tree::own_parent(const recipe::Mount& mount) {
    if (!is_ours(recipe_, mount.target)) return make_error("make", mount.target, EROFS);
    return folder(parent_of(mount.target));
}

Result<int> Tree::target_of(const recipe::Mount& mount, bool is_folder) {
    if (is_ours(recipe_, mount.target)) {
        const int parent = TRY(folder(parent_of(mount.target)));
        const char* name = last_name(mount);
        if (is_folder) return keep(TRY(sys::make_folders(parent, name, 0755)));
        // Read-only, because a mount with a writer cannot become read-only.
        auto made = sys::open_at(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
        if (!made && made.error().code != EEXIST) return made.error();
        return keep(TRY(sys::resolve_beneath(parent, name, O_PATH)));
    }
    // A bind goes where the guest itself would see the path; our own file systems only where the
    // path is real, because everything that follows relies on its text.
    const char* path = mount.target.c_str();
    if (mount.kind == MountKind::Bind) {
        return keep(TRY(sys::resolve_in_root(parts_.root, path, O_PATH)));
    }
    return keep(
        TRY(sys::resolve_beneath(parts_.root, path, O_PATH | (is_folder ? O_DIRECTORY : 0))));
}

Result<void> Tree::add_tmpfs(const recipe::Mount& mount) {
    const std::string options = tmpfs_options(recipe_, mount.options);
    const std::uint64_t flags = mount.attributes & ~sys::kMountReadOnly;
    const auto place = [&](const char* target) {
        return sys::mount_filesystem("stead", target, "tmpfs", flags, options.c_str());
    };
    if (has_only_our_names(recipe_, mount.target)) {
        const int parent = TRY(own_parent(mount));
        TRY(make_folder(parent, last_name(mount), 0755));
        TRY(enter(parent));
        TRY(place(last_name(mount)));
    } else {
        const int target = TRY(target_of(mount, /*is_folder=*/true));
        TRY(place(sys::DescriptorPath(target).c_str()));
    }
    forget(mount.target);
    if ((mount.attributes & sys::kMountReadOnly) != 0) {
        to_close_.push_back(TRY(folder(mount.target)));
    }
    return {};
}

/// Onto a name below a tmpfs of ours: a folder, or a file if the source turns out to be one.
Result<void> Tree::attach_by_name(const recipe::Mount& mount, int copy) {
    const int parent = TRY(own_parent(mount));
    const char* name = last_name(mount);
    TRY(make_folder(parent, name, 0755));
    auto attached = sys::attach_mount_at(copy, parent, name);
    if (attached || TRY(is_folder(copy))) return attached;
    (void)sys::remove_at(parent, name,
                         /*is_folder=*/true); // if it is not ours, the next step says so
    keep(TRY(sys::open_at(parent, name, O_CREAT | O_NOFOLLOW, 0644)));
    return sys::attach_mount_at(copy, parent, name);
}

/// A link of the guest's may have led elsewhere than the recipe's words say.
Result<void> Tree::note_place(const recipe::Mount& mount, int target) {
    std::string text(PATH_MAX, '\0');
    const std::size_t size =
        TRY(sys::read_link(AT_FDCWD, sys::DescriptorPath(target).c_str(), text));
    text.resize(size);
    if (!is_below(text, kBuildingSite))
        return make_error("outside of the root:", mount.target, EXDEV);
    text.erase(0, std::string_view(kBuildingSite).size());
    if (text != mount.target) places_.push_back(std::move(text));
    return {};
}

Result<void> Tree::add_copy(const recipe::Mount& mount, int copy) {
    if (copy < 0) return {};
    if (has_only_our_names(recipe_, mount.target)) {
        TRY(attach_by_name(mount, copy));
    } else {
        bool folder_source = true;
        if (is_ours(recipe_, mount.target)) folder_source = TRY(is_folder(copy));
        const int target = TRY(target_of(mount, folder_source));
        TRY(note_place(mount, target));
        TRY(sys::attach_mount(copy, target));
    }
    forget(mount.target);
    return {};
}

Result<void> Tree::add_device(const recipe::Mount& mount) {
    // The tmpfs belongs to the host's user namespace, so that its nodes work in a guest that could
    // not make any.
    if (mount.node) {
        const DeviceRule& device = mount.node->device;
        const mode_t kind = device.block ? S_IFBLK : S_IFCHR;
        return sys::make_device(TRY(own_parent(mount)), last_name(mount), kind | mount.node->mode,
                                device.major, device.minor.value_or(0));
    }
    const auto* known = std::find_if(kDevices.begin(), kDevices.end(), [&](const Device& device) {
        return device.name == mount.source;
    });
    if (known == kDevices.end()) return make_error("no such device node:", mount.source, EINVAL);
    const int parent = TRY(own_parent(mount));
    return sys::make_device(parent, last_name(mount), S_IFCHR | 0666, known->major, known->minor);
}

Result<void> Tree::add_link(const recipe::Mount& mount) {
    const int parent = TRY(own_parent(mount));
    return sys::make_link(mount.source.c_str(), parent, last_name(mount));
}

Result<void> Tree::add_folder(const recipe::Mount& mount) {
    const int parent = TRY(own_parent(mount));
    return make_folder(parent, last_name(mount), mode_in(mount.options, 0755));
}

Result<void> Tree::add_file(const recipe::Mount& mount) {
    const int parent = TRY(own_parent(mount));
    const auto file =
        TRY(sys::open_at(parent, last_name(mount), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY,
                         mode_in(mount.options, 0644)));
    return sys::write_full(file.get(), mount.source);
}

/// Who sends is known from the first message on, which may come before anybody reads.
Result<void> Tree::add_socket(const recipe::Mount& mount) {
    const int parent = TRY(own_parent(mount));
    TRY(enter(parent));
    constexpr auto kModeAsAsked = sys::Umask::Clear; // the builder has cleared its umask
    socket_ = keep(TRY(sys::bind_unix(last_name(mount), SOCK_DGRAM, 0666, kModeAsAsked)));
    TRY(sys::set_socket_option(socket_, SO_PASSCRED, 1));
    // Since Linux 6.5: the sender even after its end.
    (void)sys::set_socket_option(socket_, sys::kPassPidfd, 1);
    return {};
}

/// Whether `target` is known not to be there from what the uppermost folder on its way holds: most
/// of the secrets that a host may have, it has not.
bool Tree::is_missing_at_once(std::string_view target) {
    const std::size_t end = target.find('/', 1);
    if (end == std::string_view::npos) return false;
    const std::string_view top = target.substr(0, end);
    const std::string_view below = target.substr(end + 1);
    auto found = std::find_if(known_.begin(), known_.end(),
                              [&](const auto& entry) { return entry.first == top; });
    if (found == known_.end()) {
        const std::string path(top);
        const auto folder =
            sys::resolve_in_root(parts_.root, path.c_str(), O_RDONLY | O_DIRECTORY | O_NONBLOCK);
        if (!folder) return false; // the look-up of the whole path tells what is wrong
        auto names = Names::of(folder->get());
        if (!names) return false;
        known_.emplace_back(path, *std::move(names));
        found = known_.end() - 1;
    }
    return !found->second.find(below.substr(0, below.find('/')));
}

/// Of a target that may be missing; -1: it is.
Result<int> Tree::place_of(const recipe::Mount& mount) {
    auto target = sys::resolve_in_root(parts_.root, mount.target.c_str(), O_PATH);
    if (target) return keep(*std::move(target));
    if (is_missing(target.error())) return -1;
    return target.error();
}

/// What covers is ours and empty, and its mount is read-only already: the copy is, too.
Result<void> Tree::add_mask(const recipe::Mount& mount) {
    if (is_missing_at_once(mount.target)) return {};
    const int place = TRY(place_of(mount));
    if (place < 0) return {};
    const sys::DescriptorPath path(place);
    TRY(enter(parts_.guest_folder));
    auto covered = sys::bind_mount(kEmptyFile, path.c_str());
    if (covered || covered.error().code != ENOTDIR) return covered;
    return sys::bind_mount(kEmptyFolder, path.c_str());
}

Result<void> Tree::add_read_only(const recipe::Mount& mount) {
    const int place = TRY(place_of(mount));
    if (place < 0) return {};
    const int copy = keep(TRY(sys::clone_mount(place, "", /*recursive=*/true)));
    sys::MountChange change;
    change.set = mount.attributes | sys::kMountReadOnly;
    change.recursive = true;
    TRY(sys::change_mount(copy, change));
    TRY(sys::attach_mount(copy, place));
    forget(mount.target);
    return {};
}

/// What covers is in /run/stead, whose mounts are read-only already: the copy is, too.
Result<void> Tree::add_cover(const recipe::Mount& mount) {
    const int place = TRY(place_of(mount));
    if (place < 0) return {};
    if (TRY(is_folder(place))) return {};
    TRY(note_place(mount, place));
    TRY(enter(parts_.guest_folder));
    return sys::bind_mount(mount.source.c_str(), sys::DescriptorPath(place).c_str());
}

/// The child mounts these; the folder they need can only be made here.
Result<void> Tree::prepare_late(const recipe::Mount& mount) {
    if (has_only_our_names(recipe_, mount.target)) {
        return make_folder(TRY(own_parent(mount)), last_name(mount), 0755);
    }
    if (is_ours(recipe_, mount.target)) TRY(folder(mount.target));
    return {};
}

Result<void> Tree::apply(const recipe::Mount& mount, int source) {
    switch (mount.kind) {
    case MountKind::Tmpfs:
        return add_tmpfs(mount);
    case MountKind::Bind:
        return add_copy(mount, source);
    case MountKind::Cgroup:
        if (parts_.cgroup_view < 0) return make_error("no cgroup2 folder for", {}, ENOENT);
        return add_copy(mount, parts_.cgroup_view);
    case MountKind::Device:
        return add_device(mount);
    case MountKind::Link:
        return add_link(mount);
    case MountKind::Folder:
        return add_folder(mount);
    case MountKind::File:
        return add_file(mount);
    case MountKind::Socket:
        return add_socket(mount);
    case MountKind::Mask:
        return add_mask(mount);
    case MountKind::ReadOnly:
        return add_read_only(mount);
    case MountKind::Cover:
        return add_cover(mount);
    case MountKind::Proc:
    case MountKind::Sysfs:
    case MountKind::Mqueue:
    case MountKind::Devpts:
        return prepare_late(mount);
    }
    return make_error("mount", mount.target, EINVAL);
}

namespace {

Tree::Pass pass_of(const recipe::Mount& mount) {
    if (mount.kind == MountKind::Mask || mount.kind == MountKind::ReadOnly ||
        mount.kind == MountKind::Cover)
        return Tree::Pass::Covers;
    return is_below(mount.target, kGuestFolder) ? Tree::Pass::GuestFolder : Tree::Pass::Ground;
}

} // namespace

Result<void> Tree::apply_some(Pass pass) {
    for (std::size_t at = 0; at < recipe_.mounts.size(); ++at) {
        const recipe::Mount& mount = recipe_.mounts[at];
        if (pass_of(mount) != pass) continue;
        if (is_late(recipe_, mount) && !is_new_instance(mount.kind)) continue;
        auto applied = apply(mount, sources_[at]);
        if (applied || (mount.optional && is_missing(applied.error()))) continue;
        return explain(applied.error(), mount);
    }
    return {};
}

Result<void> Tree::close_up() {
    for (const int mount : to_close_)
        TRY(sys::change_mount(mount, {.set = sys::kMountReadOnly}));
    if (recipe_.root.read_only) {
        TRY(sys::change_mount(parts_.root, {.set = sys::kMountReadOnly}));
    }
    return {};
}

} // namespace stead::context
