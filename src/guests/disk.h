#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "compile/host_facts.h"
#include "guests/guests.h"
#include "recipe/recipe.h"

/// What guests on images have of their own:
///
///     /var/lib/stead/guests/NAME/disk/upper      its changes, as overlayfs keeps them, plain ids
///     /var/lib/stead/guests/NAME/disk/work       overlayfs' own
///     /var/lib/stead/guests/NAME/disk/image      which image they lie above: "NAME DIGEST"
///     /var/lib/stead/guests/NAME/machine-id
///     /var/lib/stead/guests/NAME/volumes         see volumes.h
///     /var/lib/stead/guests/NAME/snapshots/SNAP  copies of `disk`
///
/// Names that begin with a dot are unfinished or done with; the next of these functions removes
/// them. All of this is 0700: programs inside may be set-uid root.
namespace stead::guests {

/// What a guest's changes, or a snapshot of them, lie above.
struct DiskNote {
    std::string image;
    std::string digest;
};

/// `image` in the folder `disk`: ENOENT if nothing is there, EINVAL if it is not ours.
Result<DiskNote> read_disk_note(const std::string& disk);

/// Guests whose files name the image, or whose changes lie above it, by name.
std::vector<std::string> users_of_image(const Paths& paths, std::string_view image);

/// HostFacts::image.
compile::ImageFact
look_at_image(const Paths& paths, const std::string& guest, const std::string& name);

/// At a guest's start: makes the folder of its changes if there is none, and fills in its machine
/// id.
Result<void> prepare_disk(const Paths& paths, recipe::Context& context);

/// Whether a guest has changes of its own above an image.
bool has_disk(const Paths& paths, std::string_view guest);

/// Bytes copied so far.
using CopyProgress = FunctionRef<void(std::uint64_t bytes)>;

/// For guests that do not run (EBUSY), but for what is copied: the units of a running guest stand
/// still meanwhile. Killed in between, each leaves things as they were before or as they are after.

/// Copies the changes of a guest, which may run, as a snapshot: EEXIST if there is one of that
/// name.
Result<void> make_snapshot(const Paths& paths,
                           std::string_view guest,
                           const std::string& name,
                           CopyProgress progress);
/// Of a guest that may run: ENOENT if there is none of that name.
Result<void> delete_snapshot(const Paths& paths, std::string_view guest, const std::string& name);
std::vector<std::string> snapshots_of(const Paths& paths, std::string_view guest);
/// Gives a guest the changes of a snapshot in place of its own: ENOENT if there is none. EINVAL:
/// it was made above another image.
Result<void> restore_snapshot(const Paths& paths,
                              std::string_view guest,
                              const std::string& name,
                              CopyProgress progress);
/// Gives a guest its image back as it is, or (after an image was made anew) as it is now.
Result<void> reset_disk(const Paths& paths, std::string_view guest, const std::string& image);
/// Gives the guest `to`, which has no file yet, a copy of the changes of `from`, which may run.
Result<void>
clone_disk(const Paths& paths, std::string_view from, std::string_view to, CopyProgress progress);

/// What a guest has changed.
struct Change {
    enum class Kind : std::uint8_t { Added, Changed, Removed };
    Kind kind = Kind::Changed;
    std::string path;
};

/// Of a running guest it is what has reached its files by now.
Result<std::vector<Change>> changes_of(const Paths& paths, std::string_view guest);

} // namespace stead::guests
