#include <fcntl.h>

#include "context/paths.h"
#include "context/root.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/path.h"

namespace stead::context {

namespace {

constexpr const char* kLayerOptions = "size=1m,nr_inodes=256,mode=755";
constexpr const char* kMemoryOptions = "size=25%,nr_inodes=400000,mode=755";

/// Nothing is written into layers but what the guest changes, and a folder that it moves is copied:
/// so its changes mean the same above any copy of the image, and can be read by name.
constexpr const char* kPlain = ",index=off,metacopy=off,redirect_dir=off";
/// The same in a user namespace (userxattr): metacopy is never on there, and "off" is refused where
/// the kernel takes it for "follow what is there".
constexpr const char* kPlainOfUsers = ",index=off,redirect_dir=nofollow";

/// With private users a tree that belongs to the host's root is one that nobody inside owns.
Result<void> check_owner(const recipe::Context& recipe, int mount, const std::string& path) {
    if (recipe.users != recipe::Users::Private) return {};
    const struct stat status = TRY(sys::status_at(mount, "", AT_EMPTY_PATH));
    if (status.st_uid == recipe.ids.first) return {};
    return make_error("with private users this folder must belong to 0:0 on disk:", path, 0);
}

Result<void> make_file(int layer, const recipe::LayerFile& file) {
    const sys::Place place = TRY(sys::resolve_parent(layer, file.path.c_str()));
    switch (file.kind) {
    case recipe::LayerFile::Kind::Folder: {
        const auto made = sys::make_folder(place.folder.get(), place.name, 0755);
        if (!made && made.error().code != EEXIST) return made;
        return {};
    }
    case recipe::LayerFile::Kind::Link:
        return sys::make_link(file.text.c_str(), place.folder.get(), place.name);
    case recipe::LayerFile::Kind::File:
        break;
    }
    const sys::UniqueFd written =
        TRY(sys::open_at(place.folder.get(), place.name, O_WRONLY | O_CREAT | O_EXCL, 0644));
    return sys::write_full(written.get(), file.text);
}

/// Our files, in a folder of the tmpfs that nobody else has seen.
Result<void> fill_layer(const recipe::Context& recipe, int memory) {
    const sys::UniqueFd layer = TRY(sys::open_at(memory, "layer", O_PATH | O_DIRECTORY));
    for (const recipe::LayerFile& file : recipe.root.layer) {
        TRY(sys::make_folders(layer.get(), std::string(parent_of(file.path)).c_str(), 0755));
        if (auto made = make_file(layer.get(), file); !made)
            return about(made.error(), file.path, "the layer above the image");
    }
    return {};
}

/// "upperdir=...,workdir=..." on disk or in memory.
Result<std::string> changes_of(const recipe::Context& recipe, int memory, int user_namespace) {
    const recipe::Root& root = recipe.root;
    if (root.changes.empty()) {
        for (const char* name : {"upper", "work"})
            TRY(sys::make_folder(memory, name, 0755));
        const sys::DescriptorPath upper(memory, "upper");
        if (recipe.rootless_ids != 0) TRY(check_user_attributes(upper.c_str(), root.path));
        return std::string(",upperdir=") + upper.c_str() +
               ",workdir=" + sys::DescriptorPath(memory, "work").c_str();
    }
    const int changes = TRY(clone_folder(recipe, root.changes, user_namespace));
    TRY(check_owner(recipe, changes, root.changes));
    TRY(sys::make_folder(memory, "changes", 0755));
    TRY(sys::attach_mount_at(changes, memory, "changes"));
    return std::string(",upperdir=") + sys::DescriptorPath(changes, "upper").c_str() +
           ",workdir=" + sys::DescriptorPath(changes, "work").c_str();
}

} // namespace

/// Layers must be attached in this mount namespace (before Linux 6.12), so a tmpfs at the building
/// site holds them; the overlay keeps copies of its layers of its own.
Result<int> make_image_root(const recipe::Context& recipe, int user_namespace) {
    const recipe::Root& root = recipe.root;
    const int lower = TRY(clone_folder(recipe, root.path, user_namespace));
    TRY(check_owner(recipe, lower, root.path));
    const bool in_memory = root.changes.empty() && !root.read_only;
    const std::string options = tmpfs_options(recipe, {in_memory ? kMemoryOptions : kLayerOptions});
    TRY(sys::mount_filesystem("stead", kBuildingSite, "tmpfs", sys::kMountNoDevice,
                              options.c_str()));
    const int memory = TRY(open_site());
    for (const char* name : {"lower", "layer", "merged"})
        TRY(sys::make_folder(memory, name, 0755));
    TRY(sys::attach_mount_at(lower, memory, "lower"));
    TRY(fill_layer(recipe, memory));

    // Through descriptors: no name of the host's shows inside, and none needs escaping.
    std::string layers = std::string(recipe.rootless_ids != 0 ? "userxattr," : "") +
                         "lowerdir=" + sys::DescriptorPath(memory, "layer").c_str() + ":" +
                         sys::DescriptorPath(lower).c_str();
    if (!root.read_only)
        layers += TRY(changes_of(recipe, memory, user_namespace)) +
                  (recipe.rootless_ids != 0 ? kPlainOfUsers : kPlain);
    auto made = sys::mount_filesystem("stead", sys::DescriptorPath(memory, "merged").c_str(),
                                      "overlay", root_attributes(recipe), layers.c_str());
    if (!made)
        return about(made.error(),
                     "an overlay above the image (its file system, or that of the "
                     "guest's changes, may not support it)",
                     root.path);
    const int merged = keep(TRY(sys::clone_mount(memory, "merged", /*recursive=*/false)));
    TRY(sys::detach_mount(kBuildingSite));
    TRY(sys::attach_mount_at(merged, AT_FDCWD, kBuildingSite));
    return merged;
}

} // namespace stead::context
