#include "context/guest_folder.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "context/paths.h"
#include "context/root.h"
#include "sys/file.h"
#include "sys/mounts.h"
#include "sys/path.h"
#include "sys/unix_socket.h"

namespace stead::context {

namespace {

constexpr const char* kFolder = "/run/stead";
constexpr int kBacklog = 64;

/// bin/stead, executable whatever the host's /run allows.
Result<void> add_program(int folder, int program) {
    TRY(sys::make_folder(folder, "bin", 0755));
    const auto target =
        TRY(sys::open_at(folder, "bin/stead", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0755));
    return sys::attach_mount(program, target.get());
}

Result<void> add_empties(int folder) {
    const auto file = TRY(sys::open_at(folder, "empty", O_CREAT | O_EXCL | O_NOFOLLOW, 0444));
    return sys::make_folder(folder, "empty.d", 0555);
}

} // namespace

Result<void> make_guest_folder(const recipe::Context& recipe, Tree& tree, Parts& parts) {
    if (!is_ours(recipe, kFolder)) return make_error("no tmpfs of the guest's own on", "/run", 0);
    const int run = TRY(tree.folder("/run"));
    const sys::UniqueFd target = TRY(sys::make_folders(run, "stead", 0755));
    const std::string options = tmpfs_options(recipe, {"size=16k", "nr_inodes=16", "mode=755"});
    const auto flags = sys::kMountNoSuid | sys::kMountNoDevice | sys::kMountNoExecute;
    TRY(sys::mount_filesystem("stead", sys::DescriptorPath(target.get()).c_str(), "tmpfs", flags,
                              options.c_str()));
    tree.forget(kFolder);

    const sys::UniqueFd folder =
        TRY(sys::resolve_beneath(parts.root.get(), kFolder, O_PATH | O_DIRECTORY));
    const std::string base = sys::DescriptorPath(folder.get()).c_str();
    parts.control = TRY(sys::bind_unix(base + "/control", SOCK_SEQPACKET, 0666));
    TRY(sys::listen_on(parts.control.get(), kBacklog));
    parts.notify = TRY(sys::bind_unix(base + "/notify", SOCK_DGRAM, 0666));
    if (parts.loader) TRY(add_program(folder.get(), parts.loader.get()));
    TRY(add_empties(folder.get()));
    return sys::change_mount(folder.get(), {.set = sys::kMountReadOnly});
}

} // namespace stead::context
