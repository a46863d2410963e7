#include "context/guest_folder.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "context/paths.h"
#include "context/root.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/setup.h"
#include "sys/unix_socket.h"

namespace stead::context {

namespace {

constexpr const char* kName = "stead";
constexpr int kBacklog = 64;

// The builder has cleared its umask.
constexpr auto kModeAsAsked = sys::Umask::Clear;

/// bin/stead, executable whatever the host's /run allows.
Result<void> add_program(int folder, int program) {
    TRY(sys::make_folder(folder, "bin", 0755));
    const int target = keep(TRY(sys::open_at(folder, "bin/stead", O_CREAT | O_EXCL, 0755)));
    return sys::attach_mount(program, target);
}

Result<void> add_empties(int folder) {
    // Read-only, because a mount with a writer cannot become read-only.
    keep(TRY(sys::open_at(folder, kEmptyFile, O_CREAT | O_EXCL, 0444)));
    return sys::make_folder(folder, kEmptyFolder, 0555);
}

/// In the working directory.
Result<void> add_sockets(Parts& parts) {
    parts.control = keep(TRY(sys::bind_unix("control", SOCK_SEQPACKET, 0666, kModeAsAsked)));
    TRY(sys::listen_on(parts.control, kBacklog));
    parts.notify = keep(TRY(sys::bind_unix("notify", SOCK_DGRAM, 0666, kModeAsAsked)));
    return {};
}

constexpr std::size_t kOwnSize = std::size_t{16} << 10U;
constexpr std::size_t kOwnFiles = 64;
constexpr std::size_t kPage = 4096;

/// Room for what is ours and for the guest's secrets.
std::string size_for(const recipe::Context& recipe) {
    std::size_t size = kOwnSize;
    for (const recipe::Credential& credential : recipe.credentials)
        size += (credential.content.size() / kPage + 1) * kPage;
    return "size=" + std::to_string(size) +
           ",nr_inodes=" + std::to_string(kOwnFiles + recipe.credentials.size()) + ",mode=755";
}

/// Secrets for the guest's root: what a unit is to have of them, it is given as its own.
Result<void> add_credentials(const recipe::Context& recipe, int folder) {
    if (recipe.credentials.empty()) return {};
    const std::uint32_t owner = recipe.users == recipe::Users::Private ? recipe.ids.first : 0;
    TRY(sys::make_folder(folder, "credentials", 0500));
    const int own = keep(TRY(sys::open_at(folder, "credentials", O_PATH | O_DIRECTORY)));
    for (const recipe::Credential& credential : recipe.credentials) {
        const char* name = credential.name.c_str();
        const auto file = TRY(sys::open_at(own, name, O_CREAT | O_EXCL | O_WRONLY, 0400));
        TRY(sys::write_full(file.get(), credential.content));
        TRY(sys::change_owner(own, name, owner, owner));
    }
    return sys::change_owner(folder, "credentials", owner, owner);
}

} // namespace

Result<void> make_guest_folder(const recipe::Context& recipe, Tree& tree, Parts& parts) {
    if (!is_ours(recipe, kGuestFolder))
        return make_error("no tmpfs of the guest's own on", "/run", 0);
    const int run = TRY(tree.folder("/run"));
    TRY(sys::make_folder(run, kName, 0755));
    const std::string options = tmpfs_options(recipe, {size_for(recipe)});
    const auto flags = sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
    TRY(tree.enter(run));
    TRY(sys::mount_filesystem("stead", kName, "tmpfs", flags, options.c_str()));

    const int folder = keep(TRY(sys::open_at(run, kName, O_PATH | O_DIRECTORY)));
    parts.guest_folder = folder;
    TRY(tree.enter(folder));
    TRY(add_sockets(parts));
    if (parts.loader >= 0) TRY(add_program(folder, parts.loader));
    TRY(add_empties(folder));
    TRY(add_credentials(recipe, folder));
    tree.forget(kGuestFolder);
    TRY(tree.apply_some(Tree::Pass::GuestFolder));
    return sys::change_mount(folder, {.set = sys::kMountReadOnly});
}

} // namespace stead::context
