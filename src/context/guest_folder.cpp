#include "context/guest_folder.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "context/paths.h"
#include "context/root.h"
#include "sys/file.h"
#include "sys/mounts.h"
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

} // namespace

Result<void> make_guest_folder(const recipe::Context& recipe, Tree& tree, Parts& parts) {
    if (!is_ours(recipe, kGuestFolder))
        return make_error("no tmpfs of the guest's own on", "/run", 0);
    const int run = TRY(tree.folder("/run"));
    TRY(sys::make_folder(run, kName, 0755));
    const std::string options = tmpfs_options(recipe, {"size=16k,nr_inodes=64,mode=755"});
    const auto flags = sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
    TRY(tree.enter(run));
    TRY(sys::mount_filesystem("stead", kName, "tmpfs", flags, options.c_str()));

    const int folder = keep(TRY(sys::open_at(run, kName, O_PATH | O_DIRECTORY)));
    parts.guest_folder = folder;
    TRY(tree.enter(folder));
    TRY(add_sockets(parts));
    if (parts.loader >= 0) TRY(add_program(folder, parts.loader));
    TRY(add_empties(folder));
    tree.forget(kGuestFolder);
    TRY(tree.apply_some(Tree::Pass::GuestFolder));
    return sys::change_mount(folder, {.set = sys::kMountReadOnly});
}

} // namespace stead::context
