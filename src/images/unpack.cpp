#include "images/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/names.h"
#include "images/tree.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

/// A guest with private users has so many ids.
constexpr std::int64_t kIds = 65536;
/// Megabytes.
constexpr std::uint64_t kTellEvery = 16;
constexpr const char* kPackAgain = "pack it with tar -C ROOT -c . as root";

bool is_kept_attribute(std::string_view name) {
    return name == "security.capability" ||
           (name.starts_with("user.") && !name.starts_with("user.overlay."));
}

} // namespace

Unpacker::Unpacker(int root, const Options& options, Report& report, Progress progress)
    : root_(root)
    , options_(options)
    , report_(report)
    , progress_(progress) {}

bool Unpacker::fail(const Error& error) {
    return report_.fail(at_, error);
}

bool Unpacker::fail(std::string_view text, std::string hint) {
    return report_.fail(at_ + " " + std::string(text), std::move(hint));
}

bool Unpacker::unpack(ArchiveReader& archive) {
    ++layer_;
    made_.clear();
    links_.clear();
    parent_.reset();
    Entry entry;
    while (archive.next(entry)) {
        at_ = archive.place(entry);
        if (!add(archive, entry)) return false;
        const std::uint64_t megabytes = archive.unpacked() >> 20U;
        if (megabytes / kTellEvery == told_) continue;
        told_ = megabytes / kTellEvery;
        progress_(std::to_string(files_) + " files, " + std::to_string(megabytes) + " MB unpacked");
    }
    parent_.reset();
    return !report_.failed();
}

bool Unpacker::check_owner(Entry& entry) {
    const bool fits = entry.uid >= 0 && entry.uid < kIds && entry.gid >= 0 && entry.gid < kIds;
    if (fits) return true;
    if (!options_.squash)
        return fail("belongs to " + std::to_string(entry.uid) + ":" + std::to_string(entry.gid) +
                        "; a guest with private users has the ids 0 to 65535",
                    "--squash gives such files to root");
    if (entry.uid < 0 || entry.uid >= kIds) entry.uid = 0;
    if (entry.gid < 0 || entry.gid >= kIds) entry.gid = 0;
    // A program that was somebody else's must not become root's.
    entry.mode &= 01777U;
    ++squashed_;
    return true;
}

bool Unpacker::add(ArchiveReader& archive, Entry& entry) {
    CleanName clean = clean_name(entry.path);
    if (!clean.problem.empty()) return fail(clean.problem, kPackAgain);
    entry.path = std::move(clean.path);
    if (entry.kind == Entry::Kind::Device || entry.kind == Entry::Kind::Other) {
        ++(entry.kind == Entry::Kind::Device ? devices_ : others_);
        return true;
    }
    if (!check_owner(entry)) return false;
    ++files_;
    if (entry.path.empty()) {
        if (entry.kind != Entry::Kind::Folder) return fail("is the root, and no folder");
        return set_own(entry, root_);
    }
    if (const auto whiteout = whiteout_of(entry.path)) {
        if (!options_.whiteouts || whiteout->broken)
            return fail("has the form of an OCI whiteout", "import the whole OCI image");
        return add_whiteout(whiteout->path, whiteout->opaque);
    }
    Place place;
    if (!find_place(entry.path, place)) return false;
    if (layer_ > 1) remember(entry.path);
    if (entry.kind == Entry::Kind::Link) links_.insert(entry.path);
    switch (entry.kind) {
    case Entry::Kind::File:
        return add_file(archive, entry, place);
    case Entry::Kind::Folder:
        return add_folder(entry, place);
    case Entry::Kind::Link:
        return add_link(entry, place);
    case Entry::Kind::HardLink:
        return add_hard_link(entry, place);
    case Entry::Kind::Fifo:
        return add_fifo(entry, place);
    case Entry::Kind::Device:
    case Entry::Kind::Other:
        break;
    }
    return true;
}

/// The folders on the way as well: what this layer has in them outlives their whiteouts.
void Unpacker::remember(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1))
        made_.insert(path.substr(0, slash));
    made_.insert(path);
}

bool Unpacker::through_own_link(const std::string& path) const {
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        if (links_.contains(path.substr(0, slash))) return true;
    }
    return links_.contains(path);
}

int Unpacker::open_parent(const std::string& folder) {
    if (folder.empty()) return root_;
    if (parent_ && folder == parent_path_) return parent_.get();
    constexpr int kFlags = O_RDONLY | O_DIRECTORY;
    auto found = sys::resolve_beneath(root_, folder.c_str(), kFlags);
    if (!found && found.error().code == ENOENT) {
        // An archive need not name the folders on the way.
        auto made = sys::make_folders(root_, folder.c_str(), 0755);
        found = made ? sys::resolve_beneath(root_, folder.c_str(), kFlags) : std::move(made);
    }
    // A link on the way: RESOLVE_NO_SYMLINKS says ELOOP, a last component ENOTDIR.
    const bool link = !found && (found.error().code == ELOOP || found.error().code == ENOTDIR);
    if (link && layer_ > 1 && !through_own_link(folder))
        found = sys::resolve_in_root(root_, folder.c_str(), kFlags);
    if (!found) {
        if (link)
            (void)fail("lies below '" + folder + "', which is no folder but a link or file",
                       kPackAgain);
        else
            (void)fail(found.error());
        return -1;
    }
    parent_path_ = folder;
    parent_ = *std::move(found);
    return parent_.get();
}

bool Unpacker::find_place(const std::string& path, Place& place) {
    place.folder = open_parent(std::string(folder_of(path)));
    place.name = last_of(path);
    return place.folder >= 0;
}

/// What is in the way of something new: the later entry of a name counts.
bool Unpacker::make_way(const Place& place, bool is_folder) {
    const auto there = sys::status_at(place.folder, place.name.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!there) return there.error().code == ENOENT ? true : fail(there.error());
    if (is_folder && S_ISDIR(there->st_mode)) return true;
    const auto removed = remove_tree(place.folder, place.name.c_str());
    return removed ? true : fail(removed.error());
}

bool Unpacker::set_attributes(const Entry& entry, int fd) {
    if (entry.has_acl) ++acls_;
    for (const auto& [name, value] : entry.attributes) {
        if (!is_kept_attribute(name)) {
            ++attributes_;
            continue;
        }
        const auto set = sys::set_attribute(fd, name.c_str(),
                                            std::as_bytes(std::span(value.data(), value.size())));
        if (!set) return fail(set.error());
    }
    return true;
}

bool Unpacker::set_own(const Entry& entry, int fd) {
    // The owner first: a change of it takes set-uid bits and file capabilities away.
    if (::fchown(fd, static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)) < 0)
        return fail(last_error("chown"));
    if (const auto set = sys::set_mode(fd, entry.mode); !set) return fail(set.error());
    if (!set_attributes(entry, fd)) return false;
    const auto timed = sys::set_time(fd, "", entry.changed);
    return timed ? true : fail(timed.error());
}

bool Unpacker::add_file(ArchiveReader& archive, const Entry& entry, const Place& place) {
    if (!make_way(place, false)) return false;
    const auto file = sys::open_at(place.folder, place.name.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!file) return fail(file.error());
    const int fd = file->get();
    if (!archive.read(entry, [fd](std::span<const std::byte> bytes, std::uint64_t at) {
            return sys::write_at(fd, bytes, at);
        }))
        return false;
    // A sparse file may end in a hole.
    if (const auto sized = sys::set_size(fd, entry.size); !sized) return fail(sized.error());
    return set_own(entry, fd);
}

bool Unpacker::add_folder(const Entry& entry, const Place& place) {
    if (!make_way(place, true)) return false;
    const auto made = sys::make_folder(place.folder, place.name.c_str(), 0700);
    if (!made && made.error().code != EEXIST) return fail(made.error());
    links_.erase(entry.path);
    const auto folder =
        sys::open_at(place.folder, place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!folder) return fail(folder.error());
    return set_own(entry, folder->get());
}

bool Unpacker::add_link(const Entry& entry, const Place& place) {
    if (entry.target.empty() || entry.target.size() > kMaxPath)
        return fail("is a symbolic link without a text that fits");
    if (!make_way(place, false)) return false;
    const char* name = place.name.c_str();
    if (const auto made = sys::make_link(entry.target.c_str(), place.folder, name); !made)
        return fail(made.error());
    if (::fchownat(place.folder, name, static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid),
                   AT_SYMLINK_NOFOLLOW) < 0)
        return fail(last_error("chown"));
    const auto timed = sys::set_time(place.folder, name, entry.changed);
    return timed ? true : fail(timed.error());
}

bool Unpacker::add_hard_link(const Entry& entry, const Place& place) {
    const CleanName target = clean_name(entry.target);
    if (!target.problem.empty() || target.path.empty())
        return fail("is a hard link to '" + entry.target + "', which " +
                        (target.problem.empty() ? "is the root" : target.problem),
                    kPackAgain);
    if (target.path == entry.path) return fail("is a hard link to itself");
    // Before open_parent() finds another folder: its descriptor is that of the new name's.
    const auto here = sys::open_at(place.folder, ".", O_PATH | O_DIRECTORY);
    if (!here) return fail(here.error());
    Place source;
    if (!find_place(target.path, source)) return false;
    const auto status = sys::status_at(source.folder, source.name.c_str(), AT_SYMLINK_NOFOLLOW);
    if (!status || S_ISDIR(status->st_mode))
        return fail("is a hard link to '" + entry.target + "', which the archive has not brought",
                    kPackAgain);
    if (S_ISLNK(status->st_mode)) links_.insert(entry.path);
    if (!make_way({here->get(), place.name}, false)) return false;
    const auto made =
        sys::make_hard_link(source.folder, source.name.c_str(), here->get(), place.name.c_str());
    return made ? true : fail(made.error());
}

bool Unpacker::add_fifo(const Entry& entry, const Place& place) {
    if (!make_way(place, false)) return false;
    const char* name = place.name.c_str();
    if (const auto made = sys::make_special(place.folder, name, S_IFIFO | 0600U); !made)
        return fail(made.error());
    if (::fchownat(place.folder, name, static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid),
                   AT_SYMLINK_NOFOLLOW) < 0)
        return fail(last_error("chown"));
    const auto set = sys::set_mode_at(place.folder, name, entry.mode);
    return set ? true : fail(set.error());
}

/// Lower layers' files below `folder`; what this layer has made stays.
bool Unpacker::clear_lower(int folder, const std::string& path) {
    const auto names = names_in(folder);
    if (!names) return fail(names.error());
    for (const std::string& name : *names) {
        std::string whole = path;
        if (!whole.empty()) whole += '/';
        whole += name;
        if (!remove_lower(folder, name, whole)) return false;
    }
    return true;
}

bool Unpacker::remove_lower(int folder, const std::string& name, const std::string& path) {
    if (!made_.contains(path)) {
        const auto removed = remove_tree(folder, name.c_str());
        return removed ? true : fail(removed.error());
    }
    const auto below = sys::open_at(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!below) return true; // a file of this layer
    return clear_lower(below->get(), path);
}

bool Unpacker::add_whiteout(const std::string& path, bool opaque) {
    // In the lowest layer there is nothing below.
    if (layer_ < 2) return true;
    const std::string folder = opaque ? path : std::string(folder_of(path));
    constexpr int kFlags = O_RDONLY | O_DIRECTORY;
    auto found = folder.empty() ? sys::open_at(root_, ".", kFlags)
                                : sys::resolve_beneath(root_, folder.c_str(), kFlags);
    if (!found && found.error().code == ELOOP && !through_own_link(folder))
        found = sys::resolve_in_root(root_, folder.c_str(), kFlags);
    if (!found) {
        const int code = found.error().code;
        const bool nothing = code == ENOENT || code == ENOTDIR || code == ELOOP;
        return nothing ? true : fail(found.error());
    }
    parent_.reset(); // It may be among what goes.
    return opaque ? clear_lower(found->get(), path)
                  : remove_lower(found->get(), std::string(last_of(path)), path);
}

void Unpacker::note_left_out() {
    const auto note = [&](std::uint64_t count, const char* what) {
        if (count > 0) report_.note(std::to_string(count) + " " + what);
    };
    note(devices_, "device nodes left out: a guest has nodes of its own");
    note(others_, "files of unknown kinds left out");
    note(acls_, "access control lists left out");
    note(attributes_, "extended attributes left out (all but user.* and file capabilities)");
    note(squashed_, "files given to root, whose owners no guest has");
}

} // namespace stead::images
