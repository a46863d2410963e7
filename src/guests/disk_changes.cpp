#include <fcntl.h>

#include <algorithm>
#include <array>

#include "guests/disk.h"
#include "guests/state.h"
#include "images/images.h"
#include "images/tree.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/tree.h"

/// What overlayfs' upper folder says of a guest's changes.
namespace stead::guests {

namespace {

/// What the image itself has at `path`; nothing if it has nothing there.
std::optional<struct stat> look_below(int image, const std::string& path) {
    const auto found = sys::resolve_beneath(image, path.c_str(), O_PATH | O_NOFOLLOW);
    if (!found) return std::nullopt;
    const auto status = sys::status_at(found->get(), "", AT_EMPTY_PATH);
    if (!status) return std::nullopt;
    return *status;
}

/// A folder in place of the image's own, nothing of which shows.
bool is_opaque(int folder, const char* name) {
    const auto opened = sys::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return false;
    for (const char* attribute : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
        std::array<std::byte, 8> value{};
        const auto size = sys::read_attribute(opened->get(), attribute, value);
        if (size && *size == 1 && value[0] == std::byte{'y'}) return true;
    }
    return false;
}

class Differ {
public:
    explicit Differ(int image)
        : image_(image) {}

    Result<images::Way> visit(const images::Step& step) {
        using images::Way;
        const auto below = look_below(image_, step.path);
        if (S_ISCHR(step.status.st_mode) && step.status.st_rdev == 0) {
            add(Change::Kind::Removed, step.path);
            return Way::On;
        }
        if (!below) {
            add(Change::Kind::Added, step.path);
            return Way::On;
        }
        if (!S_ISDIR(step.status.st_mode)) {
            add(Change::Kind::Changed, step.path);
            return Way::On;
        }
        // A folder is there as soon as something in it has changed.
        const bool same = S_ISDIR(below->st_mode) && below->st_mode == step.status.st_mode &&
                          below->st_uid == step.status.st_uid &&
                          below->st_gid == step.status.st_gid;
        const bool opaque = S_ISDIR(below->st_mode) && is_opaque(step.folder, step.name.c_str());
        if (!same || opaque) add(Change::Kind::Changed, step.path);
        if (opaque) TRY(add_hidden(step));
        return Way::On;
    }

    std::vector<Change> take() {
        std::sort(changes_.begin(), changes_.end(),
                  [](const Change& a, const Change& b) { return a.path < b.path; });
        return std::move(changes_);
    }

private:
    void add(Change::Kind kind, const std::string& path) { changes_.push_back({kind, "/" + path}); }

    /// What the image has in an opaque folder and the guest has not made again.
    Result<void> add_hidden(const images::Step& step) {
        const auto lower = sys::resolve_beneath(image_, step.path.c_str(), O_RDONLY | O_DIRECTORY);
        if (!lower) return {};
        const sys::UniqueFd upper =
            TRY(sys::open_at(step.folder, step.name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
        for (const std::string& name : TRY(images::names_in(lower->get()))) {
            if (!sys::status_at(upper.get(), name.c_str(), AT_SYMLINK_NOFOLLOW))
                add(Change::Kind::Removed, step.path + "/" + name);
        }
        return {};
    }

    int image_;
    std::vector<Change> changes_;
};

} // namespace

Result<std::vector<Change>> changes_of(const Paths& paths, std::string_view guest) {
    const std::string disk = paths.state + "/guests/" + std::string(guest) + "/disk";
    const auto note = read_disk_note(disk);
    if (!note && note.error().code == ENOENT) return std::vector<Change>();
    if (!note) return note.error();
    const images::Store store(paths.images());
    const sys::UniqueFd root =
        TRY(sys::open_at(AT_FDCWD, store.root_of(note->image).c_str(), O_PATH | O_DIRECTORY));
    const sys::UniqueFd upper =
        TRY(sys::open_at(AT_FDCWD, (disk + "/upper").c_str(), O_RDONLY | O_DIRECTORY));
    images::allow_many_descriptors();
    Differ differ(root.get());
    TRY(images::walk(upper.get(), [&](const images::Step& step) { return differ.visit(step); }));
    return differ.take();
}

} // namespace stead::guests
