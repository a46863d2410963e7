#include "context/ids.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "sys/file.h"
#include "sys/namespaces.h"
#include "sys/path.h"
#include "sys/setup.h"
#include "sys/signals.h"

namespace stead::context {

namespace {

/// Ends and reaps the process that held the namespace open.
class Holder {
public:
    explicit Holder(pid_t pid)
        : pid_(pid) {}

    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    Holder(Holder&&) = delete;
    Holder& operator=(Holder&&) = delete;

    ~Holder() {
        (void)sys::send_signal(pid_, SIGKILL); // our own unreaped child: it can only be there
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

private:
    pid_t pid_;
};

Result<void> write_map(int process, const char* name, const std::string& map) {
    const auto file = TRY(sys::open_at(process, name, O_WRONLY));
    // The kernel takes a map in one write only (user_namespaces(7)).
    const ssize_t written = ::write(file.get(), map.data(), map.size());
    if (written != static_cast<ssize_t>(map.size())) return last_error("write", name);
    return {};
}

} // namespace

Result<sys::UniqueFd> make_user_namespace(const recipe::IdRange& ids) {
    if (ids.first == 0 || ids.count == 0 || ids.count > UINT32_MAX - ids.first) {
        return make_error("private users need a range of host ids that leaves out 0:",
                          std::to_string(ids.first) + " + " + std::to_string(ids.count), 0);
    }
    const pid_t pid = TRY(sys::fork_into(CLONE_NEWUSER));
    if (pid == 0) {
        for (;;)
            ::pause();
    }
    const Holder holder(pid);
    const std::string folder = "/proc/" + std::to_string(pid);
    const auto process = TRY(sys::open_at(AT_FDCWD, folder.c_str(), O_PATH | O_DIRECTORY));
    const std::string map = "0 " + std::to_string(ids.first) + " " + std::to_string(ids.count);
    TRY(write_map(process.get(), "uid_map", map));
    TRY(write_map(process.get(), "gid_map", map));
    return sys::open_at(process.get(), "ns/user", O_RDONLY);
}

Result<void> delegate_cgroup(int cgroup, const recipe::IdRange& ids) {
    for (const char* name : {"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "init",
                             "init/cgroup.procs", "init/cgroup.threads"}) {
        auto owned = sys::change_owner(cgroup, name, ids.first, ids.first);
        if (!owned) return about(owned.error(), name, "the guest's cgroup");
    }
    return {};
}

Result<void> make_host_folders(const recipe::Context& recipe) {
    for (const recipe::HostFolder& wanted : recipe.host_folders) {
        auto there = sys::status_at(AT_FDCWD, wanted.path.c_str(), 0);
        if (there && S_ISDIR(there->st_mode)) continue;
        if (there) {
            return about(make_error("not a folder", {}, ENOTDIR), wanted.path, wanted.origin);
        }
        const auto root = TRY(sys::open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
        auto parent = sys::resolve_parent(root.get(), wanted.path.c_str());
        if (!parent && parent.error().code == ENOENT) {
            const std::string above = wanted.path.substr(0, wanted.path.rfind('/'));
            auto made = sys::make_folders(root.get(), above.c_str(), 0755);
            if (!made) return about(made.error(), wanted.path, wanted.origin);
            parent = sys::resolve_parent(root.get(), wanted.path.c_str());
        }
        if (!parent) return about(parent.error(), wanted.path, wanted.origin);
        // Nobody may look inside before it belongs to its owner.
        auto made = sys::make_folder(parent->folder.get(), parent->name, 0700);
        if (!made) return about(made.error(), wanted.path, wanted.origin);
        const auto folder = TRY(sys::resolve_beneath(parent->folder.get(), parent->name,
                                                     O_RDONLY | O_DIRECTORY | O_NONBLOCK));
        TRY(sys::change_owner(folder.get(), "", wanted.uid, wanted.gid));
        if (::fchmod(folder.get(), wanted.mode) < 0) return last_error("fchmod", wanted.path);
    }
    return {};
}

} // namespace stead::context
