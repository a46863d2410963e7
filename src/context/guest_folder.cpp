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

constexpr const char* kName = "stead";
constexpr int kBacklog = 64;

/// bin/stead, executable whatever the host's /run allows.
Result<void> add_program(int folder, int program) {
    TRY(sys::make_folder(folder, "bin", 0755));
    const int target = keep(TRY(sys::open_at(folder, "bin/stead", O_CREAT | O_EXCL, 0755)));
    return sys::attach_mount(program, target);
}

Result<void> add_empties(int folder, Parts& parts) {
    parts.empty_file = keep(TRY(sys::open_at(folder, "empty", O_CREAT | O_EXCL, 0444)));
    TRY(sys::make_folder(folder, "empty.d", 0555));
    parts.empty_folder = keep(TRY(sys::open_at(folder, "empty.d", O_PATH | O_DIRECTORY)));
    return {};
}

Result<void> add_sockets(int folder, Parts& parts) {
    const auto control = sys::DescriptorPath(folder, "control");
    parts.control = keep(TRY(sys::bind_unix(control.c_str(), SOCK_SEQPACKET, 0666)));
    TRY(sys::listen_on(parts.control, kBacklog));
    const auto notify = sys::DescriptorPath(folder, "notify");
    parts.notify = keep(TRY(sys::bind_unix(notify.c_str(), SOCK_DGRAM, 0666)));
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
    TRY(sys::mount_filesystem("stead", sys::DescriptorPath(run, kName).c_str(), "tmpfs", flags,
                              options.c_str()));

    const int folder = keep(TRY(sys::open_at(run, kName, O_PATH | O_DIRECTORY)));
    TRY(add_sockets(folder, parts));
    if (parts.loader >= 0) TRY(add_program(folder, parts.loader));
    TRY(add_empties(folder, parts));
    tree.forget(kGuestFolder);
    TRY(tree.apply_some(Tree::Pass::GuestFolder));
    return sys::change_mount(folder, {.set = sys::kMountReadOnly});
}

} // namespace stead::context
