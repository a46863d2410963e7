#include "guests/volumes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "images/tree.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/setup.h"
#include "sys/tree.h"

namespace stead::guests {

namespace {

constexpr const char* kVolumes = "volumes";
/// Of a name that the next command clears away.
constexpr const char* kVolumeDraft = ".volume-new";

Result<sys::UniqueFd> open_below(int at, const char* name) {
    return sys::open_at(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/// An empty folder of the image's root's owner, or a copy of what the image has there.
Result<void> fill(int draft, int image, const std::string& path) {
    const auto found =
        sys::resolve_beneath(image, path.c_str() + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (found) {
        images::allow_many_descriptors();
        TRY(images::copy_tree(found->get(), draft, {.plain = true}, [](std::uint64_t) {}));
        return {};
    }
    const struct stat root = TRY(sys::status_at(image, "", AT_EMPTY_PATH));
    return sys::change_owner(draft, "", root.st_uid, root.st_gid);
}

} // namespace

Result<void> prepare_volumes(int home, const recipe::Root& root) {
    if (root.volumes.empty()) return {};
    const auto made = sys::make_folder(home, kVolumes, 0700);
    if (!made && made.error().code != EEXIST) return made;
    const sys::UniqueFd all = TRY(open_below(home, kVolumes));
    for (const recipe::Volume& volume : root.volumes) {
        if (sys::status_at(all.get(), volume.name.c_str(), AT_SYMLINK_NOFOLLOW)) continue;
        TRY(sys::make_folder(home, kVolumeDraft, 0755));
        const sys::UniqueFd draft = TRY(open_below(home, kVolumeDraft));
        const sys::UniqueFd image =
            TRY(sys::open_at(AT_FDCWD, root.path.c_str(), O_PATH | O_DIRECTORY));
        TRY(fill(draft.get(), image.get(), volume.path));
        TRY(sys::move_to(home, kVolumeDraft, all.get(), volume.name.c_str()));
    }
    return {};
}

Result<void> copy_volumes(const std::string& from, int home, CopyProgress progress) {
    TRY(images::remove_tree(home, kVolumes));
    const auto source =
        sys::open_at(AT_FDCWD, (from + "/" + kVolumes).c_str(), O_RDONLY | O_DIRECTORY);
    if (!source && source.error().code == ENOENT) return {};
    if (!source) return source.error();
    TRY(sys::make_folder(home, kVolumeDraft, 0700));
    const sys::UniqueFd draft = TRY(open_below(home, kVolumeDraft));
    images::allow_many_descriptors();
    TRY(images::copy_tree(source->get(), draft.get(), {}, progress));
    return sys::rename_new(home, kVolumeDraft, kVolumes);
}

} // namespace stead::guests
