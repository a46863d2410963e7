#include "guests/cleanup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "guests/cgroups.h"
#include "guests/ids.h"
#include "guests/levels.h"
#include "guests/network.h"
#include "guests/rootless.h"
#include "sys/file.h"
#include "sys/unix_socket.h"

namespace stead::guests {

namespace {

constexpr int kKillWaitMilliseconds = 5000;

Result<void> remove_if_there(int folder, const char* name) {
    const Result<void> removed = sys::remove_at(folder, name, false);
    if (!removed && removed.error().code != ENOENT) return removed.error();
    return {};
}

} // namespace

bool is_alive(const Paths& paths, std::string_view name, const Claim& claim) {
    const auto record = read_record(claim.folder.get());
    if (record && verify(*record)) return true;
    // A record that cannot be read, or of a process that is seen from another pid namespace: who is
    // dead answers nobody. A PID 1 whose launcher died before there was a record ends in moments.
    constexpr int kPauseMilliseconds = 5;
    for (int attempts = record ? 1 : 20; attempts > 0; --attempts) {
        if (!sys::connect_unix(paths.control(name), SOCK_SEQPACKET)) return false;
        if (attempts > 1) ::poll(nullptr, 0, kPauseMilliseconds);
    }
    return true;
}

void end_process(const sys::Process& child) {
    if (!child.pidfd) return;
    (void)sys::send_signal(child, SIGKILL); // ESRCH: it has ended already.
    pollfd ended{child.pidfd.get(), POLLIN, 0};
    ::poll(&ended, 1, kKillWaitMilliseconds);
    (void)sys::try_reap(child); // What hangs in the kernel is reaped by the host's init.
}

Result<void> clear_remains(const Paths& paths, std::string_view name, const Claim& claim) {
    // One of a service or of an ordinary user lies elsewhere, and may have gone with what it lies
    // in.
    const auto record = read_record(claim.folder.get());
    const bool elsewhere = record && (record->service || rootless_ids());
    if (elsewhere && !record->cgroup.empty()) TRY(remove_cgroup(record->cgroup));
    if (const auto cgroup2 = find_cgroup2()) {
        const std::string parent = cgroup_parent(paths, *cgroup2);
        TRY(remove_cgroup(parent + "/" + std::string(name)));
        // As long as it holds another guest the kernel keeps it (ENOTEMPTY).
        (void)sys::remove_at(AT_FDCWD, parent.c_str(), true);
    }
    release_dynamic(paths, name);
    TRY(clear_network(paths, claim));
    TRY(remove_if_there(claim.folder.get(), "control"));
    TRY(remove_if_there(claim.folder.get(), "state.json.new"));
    return remove_if_there(claim.folder.get(), "state.json");
}

Result<void> clear(const Paths& paths, std::string_view name, const Claim& claim) {
    TRY(clear_remains(paths, name, claim));
    // The lock's file goes before its folder: whoever opened it meanwhile sees that it is unlinked
    // and starts again.
    TRY(remove_if_there(claim.folder.get(), "lock"));
    const Result<void> removed = sys::remove_at(AT_FDCWD, claim.path.c_str(), true);
    // ENOTEMPTY: somebody has just made a new lock in it, and the folder is theirs.
    if (!removed && removed.error().code != ENOENT && removed.error().code != ENOTEMPTY) {
        return removed.error();
    }
    return {};
}

Result<void> clean_up(const Paths& paths, std::string_view name) {
    auto claimed = claim_existing(paths, name);
    if (!claimed && claimed.error().code == ENOENT) return {};
    if (!claimed) return claimed.error();
    if (is_alive(paths, name, *claimed)) return {};
    return clear(paths, name, *claimed);
}

bool clear_ended_guests(const Paths& paths) {
    const auto names = names_of_guests(paths);
    if (!names) return false;
    if (names->empty()) return true;
    const std::string all = paths.runtime + "/guests";
    const auto folder = sys::open_at(AT_FDCWD, all.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!folder) return false;
    for (const std::string& name : *names) {
        // One whose lock is held is somebody's: its keeper, or a start, clears it.
        const std::string lock = name + "/lock";
        const auto file = sys::open_at(folder->get(), lock.c_str(), O_RDWR | O_NOFOLLOW);
        const auto locked = file ? sys::is_locked(file->get()) : Result<bool>(false);
        if (locked && !*locked) (void)clean_up(paths, name);
    }
    return false;
}

bool clear_ended(const Paths& paths) {
    if (::geteuid() != 0) return false;
    repair_levels(paths);
    refresh_resolvers(paths);
    if (!clear_ended_guests(paths)) return true;
    // The last of them may have ended between its own removal and this one's.
    if (const auto cgroup2 = find_cgroup2())
        (void)sys::remove_at(AT_FDCWD, cgroup_parent(paths, *cgroup2).c_str(), true);
    return true;
}

} // namespace stead::guests
