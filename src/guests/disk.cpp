#include "guests/disk.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "guests/projects.h"
#include "guests/quiet.h"
#include "guests/state.h"
#include "guests/store.h"
#include "guests/volumes.h"
#include "images/images.h"
#include "images/names.h"
#include "images/tree.h"
#include "sys/file.h"
#include "sys/path.h"
#include "sys/setup.h"
#include "sys/tree.h"
#include "unitfile/reader.h"

namespace stead::guests {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxNote = 4096;
constexpr const char* kDisk = "disk";
constexpr const char* kDraft = ".disk-new";
constexpr const char* kSnapshots = "snapshots";

std::string home_of(const Paths& paths, std::string_view guest) {
    return paths.state + "/guests/" + std::string(guest);
}

/// The guest's folder, without what killed commands have left in it. The guest's lock is ours, or
/// it does not exist yet.
Result<sys::UniqueFd> open_home(const Paths& paths, std::string_view guest) {
    const std::string path = home_of(paths, guest);
    TRY(make_folders(path));
    sys::UniqueFd home = TRY(sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY));
    // A running guest's lock is its keeper's; this one is that of whoever works with these folders.
    TRY(sys::hold_folder(home.get()));
    TRY(sys::set_mode(home.get(), 0700));
    const sys::UniqueFd reading = TRY(sys::open_at(home.get(), ".", O_RDONLY | O_DIRECTORY));
    for (const std::string& name : TRY(images::names_in(reading.get()))) {
        if (name.starts_with('.')) TRY(remove_disk(paths, home.get(), name.c_str()));
    }
    return home;
}

/// What becomes of a draft: a guest's disk is counted as a project of its own, a snapshot is the
/// host's.
enum class For : std::uint8_t { Guest, Snapshot };

/// An empty disk of the name kDraft; its `upper` has the owner and the mode of the image's root.
Result<void> make_draft(const Paths& paths, int home, const DiskNote& note, For whom) {
    // A project first: what is made in it is counted with it, by whatever way it is made.
    if (whom == For::Snapshot) TRY(sys::make_folder(home, kDraft, 0700));
    const sys::UniqueFd draft =
        TRY(whom == For::Guest ? make_project(paths, home, kDraft)
                               : sys::open_at(home, kDraft, O_RDONLY | O_DIRECTORY));
    // Whoever starts this is root of the files' user namespace, whatever creates files now.
    TRY(sys::change_owner(draft.get(), "", 0, 0));
    for (const char* name : {"upper", "work"}) {
        TRY(sys::make_folder(draft.get(), name, 0755));
        TRY(sys::change_owner(draft.get(), name, 0, 0));
    }
    const images::Store store(paths.images());
    const struct stat root =
        TRY(sys::status_at(AT_FDCWD, store.root_of(note.image).c_str(), AT_SYMLINK_NOFOLLOW));
    const sys::UniqueFd upper = TRY(sys::open_at(draft.get(), "upper", O_RDONLY | O_DIRECTORY));
    TRY(sys::change_owner(upper.get(), "", root.st_uid, root.st_gid));
    TRY(sys::set_mode(upper.get(), root.st_mode & 07777U));
    return replace_file(draft.get(), "image", note.image + " " + note.digest + "\n", 0600);
}

/// A draft with a copy of the changes of `from` (a folder like `disk`).
Result<void>
copy_draft(const Paths& paths, const std::string& from, int home, For whom, CopyProgress progress) {
    const DiskNote note = TRY(read_disk_note(from));
    TRY(make_draft(paths, home, note, whom));
    const sys::UniqueFd source =
        TRY(sys::open_at(AT_FDCWD, (from + "/upper").c_str(), O_RDONLY | O_DIRECTORY));
    const sys::UniqueFd target =
        TRY(sys::open_at(home, (std::string(kDraft) + "/upper").c_str(), O_RDONLY | O_DIRECTORY));
    images::allow_many_descriptors();
    TRY(images::copy_tree(source.get(), target.get(), {}, progress));
    return {};
}

/// The draft becomes the disk, whether there is one already or not.
Result<void> install_draft(const Paths& paths, int home) {
    const Result<void> moved = sys::rename_new(home, kDraft, kDisk);
    if (moved || moved.error().code != EEXIST) return moved;
    TRY(sys::exchange_names(home, kDraft, kDisk));
    return remove_disk(paths, home, kDraft);
}

/// 32 hexadecimal digits, as machine-id(5) wants them.
Result<std::string> new_machine_id() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return last_error("getrandom");
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 15U];
    }
    return text + "\n";
}

Result<std::string> machine_id(int home) {
    auto known = read_file(home, "machine-id", kMaxNote);
    if (known && known->size() == 33) return *std::move(known);
    std::string made = TRY(new_machine_id());
    TRY(replace_file(home, "machine-id", made, 0600));
    return made;
}

/// Whether the names may be a snapshot's: a folder's name of ours.
Result<void> check_snapshot(const std::string& name) {
    if (valid_name(name)) return {};
    return make_error("no snapshot's name:", name, 0);
}

} // namespace

Result<DiskNote> read_disk_note(const std::string& disk) {
    std::string text = TRY(read_file(AT_FDCWD, (disk + "/image").c_str(), kMaxNote));
    while (text.ends_with('\n'))
        text.pop_back();
    const std::size_t blank = text.find(' ');
    if (blank == std::string::npos) return make_error("read", disk + "/image", EINVAL);
    return DiskNote{text.substr(0, blank), text.substr(blank + 1)};
}

std::vector<std::string> users_of_image(const Paths& paths, std::string_view image) {
    std::set<std::string> users;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(paths.state + "/guests", unreadable)) {
        const auto note = read_disk_note(entry.path().string() + "/disk");
        if (note && note->image == image) users.insert(entry.path().filename().string());
    }
    for (const std::string& name : configured(paths)) {
        unitfile::Diagnostics ignored;
        const auto spec = unitfile::load_guest(paths.guest_file(name), ignored);
        if (spec && spec->image.value == image) users.insert(name);
    }
    return {users.begin(), users.end()};
}

compile::ImageFact
look_at_image(const Paths& paths, const std::string& guest, const std::string& name) {
    compile::ImageFact fact;
    const images::Store store(paths.images());
    const auto image = store.find(name);
    if (!image) {
        fact.problem = "there is no image '" + name + "'";
        fact.hint = "'stead image list' shows all, 'stead image build' and 'stead image import' "
                    "make one";
        return fact;
    }
    fact.root = store.root_of(name);
    fact.changes = home_of(paths, guest) + "/" + kDisk;
    fact.volumes = home_of(paths, guest) + "/volumes";
    const auto note = read_disk_note(fact.changes);
    if (note && (note->image != name || note->digest != image->digest)) {
        fact.problem = "the guest's changes were made above " +
                       (note->image == name ? std::string("an older image of that name")
                                            : "image '" + note->image + "'");
        fact.hint = "'stead reset " + guest + "' gives them up";
    }
    return fact;
}

Result<void> prepare_disk(const Paths& paths, recipe::Context& context) {
    recipe::Root& root = context.root;
    if (root.kind != recipe::RootKind::Image) return {};
    const sys::UniqueFd home = TRY(open_home(paths, context.name));
    for (recipe::LayerFile& file : root.layer) {
        if (file.path == "/etc/machine-id" && file.text.empty())
            file.text = TRY(machine_id(home.get()));
    }
    TRY(prepare_volumes(home.get(), root));
    if (root.changes.empty()) return {};
    const images::Store store(paths.images());
    // FOLDER/NAME/root
    const std::string folder = root.path.substr(0, root.path.rfind('/'));
    const std::string name = folder.substr(folder.rfind('/') + 1);
    const auto image = store.find(name);
    if (!image) return make_error("no such image:", name, 0);
    const auto note = read_disk_note(root.changes);
    if (!note) {
        TRY(make_draft(paths, home.get(), {name, image->digest}, For::Guest));
        TRY(install_draft(paths, home.get()));
    } else if (wants_project(context)) {
        // Made when its file system did not count what it takes. What cannot be opened (links,
        // device nodes) cannot change its project, so it takes a copy.
        TRY(copy_draft(paths, root.changes, home.get(), For::Guest, [](std::uint64_t) {}));
        TRY(install_draft(paths, home.get()));
    }
    return limit_disk(context);
}

bool has_disk(const Paths& paths, std::string_view guest) {
    return valid_name(guest) && read_disk_note(home_of(paths, guest) + "/" + kDisk);
}

Result<void> make_snapshot(const Paths& paths,
                           std::string_view guest,
                           const std::string& name,
                           CopyProgress progress) {
    TRY(check_snapshot(name));
    const Quiet quiet = TRY(Quiet::take(paths, guest));
    const sys::UniqueFd home = TRY(open_home(paths, guest));
    const auto made = sys::make_folder(home.get(), kSnapshots, 0700);
    if (!made && made.error().code != EEXIST) return made;
    const sys::UniqueFd all = TRY(sys::open_at(home.get(), kSnapshots, O_RDONLY | O_DIRECTORY));
    if (sys::status_at(all.get(), name.c_str(), AT_SYMLINK_NOFOLLOW))
        return make_error("snapshot", name, EEXIST);
    TRY(copy_draft(paths, home_of(paths, guest) + "/" + kDisk, home.get(), For::Snapshot,
                   progress));
    return sys::move_to(home.get(), kDraft, all.get(), name.c_str());
}

Result<void> delete_snapshot(const Paths& paths, std::string_view guest, const std::string& name) {
    TRY(check_snapshot(name));
    const sys::UniqueFd home = TRY(open_home(paths, guest));
    const sys::UniqueFd all = TRY(sys::open_at(home.get(), kSnapshots, O_RDONLY | O_DIRECTORY));
    TRY(sys::move_to(all.get(), name.c_str(), home.get(), ".snapshot-old"));
    return images::remove_tree(home.get(), ".snapshot-old");
}

std::vector<std::string> snapshots_of(const Paths& paths, std::string_view guest) {
    const std::string path = home_of(paths, guest) + "/" + kSnapshots;
    const auto folder = sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
    if (!folder) return {};
    auto names = images::names_in(folder->get());
    return names ? *std::move(names) : std::vector<std::string>();
}

Result<void> restore_snapshot(const Paths& paths,
                              std::string_view guest,
                              const std::string& name,
                              CopyProgress progress) {
    TRY(check_snapshot(name));
    const Idle idle = TRY(Idle::take(paths, guest));
    const sys::UniqueFd home = TRY(open_home(paths, guest));
    const std::string from = home_of(paths, guest) + "/" + kSnapshots + "/" + name;
    const DiskNote wanted = TRY(read_disk_note(from));
    const auto now = read_disk_note(home_of(paths, guest) + "/" + kDisk);
    if (now && (now->image != wanted.image || now->digest != wanted.digest))
        return make_error("the snapshot was made above image", wanted.image, EINVAL);
    TRY(copy_draft(paths, from, home.get(), For::Guest, progress));
    return install_draft(paths, home.get());
}

Result<void> reset_disk(const Paths& paths, std::string_view guest, const std::string& image) {
    const auto found = images::Store(paths.images()).find(image);
    if (!found) return make_error("no such image:", image, 0);
    const Idle idle = TRY(Idle::take(paths, guest));
    const sys::UniqueFd home = TRY(open_home(paths, guest));
    TRY(make_draft(paths, home.get(), {image, found->digest}, For::Guest));
    return install_draft(paths, home.get());
}

Result<void>
clone_disk(const Paths& paths, std::string_view from, std::string_view to, CopyProgress progress) {
    const Quiet source = TRY(Quiet::take(paths, from));
    const Idle target = TRY(Idle::take(paths, to));
    if (is_configured(paths, to)) return make_error("clone", to, EEXIST);
    const sys::UniqueFd home = TRY(open_home(paths, to));
    TRY(remove_disk(paths, home.get(), kDisk)); // of a clone that was killed
    TRY(copy_volumes(home_of(paths, from), home.get(), progress));
    if (!has_disk(paths, from)) return {}; // It has not changed anything yet.
    TRY(copy_draft(paths, home_of(paths, from) + "/" + kDisk, home.get(), For::Guest, progress));
    return install_draft(paths, home.get());
}

} // namespace stead::guests
