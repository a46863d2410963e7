#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "guests/binaries.h"
#include "guests/cgroups.h"
#include "guests/guests.h"
#include "guests/ids.h"
#include "guests/keeper.h"
#include "guests/network.h"
#include "guests/service.h"
#include "guests/state.h"
#include "sys/clone.h"
#include "sys/file.h"
#include "sys/unix_socket.h"

namespace stead::guests {

namespace {

/// The new keeper belongs to nobody's terminal or session, and to the service of its guest. Returns
/// only when it could not be.
void detach_and_become(int stead_init, KeeperDescriptors& descriptors, const Record& record) {
    const std::string& name = record.name;
    ::setsid();
    if (record.service) {
        const char* manager = record.service->notify.c_str();
        ::setenv("NOTIFY_SOCKET", manager, 1); // NOLINT(concurrency-mt-unsafe)
        // In another cgroup it would only be ended with that one.
        (void)enter_cgroup(keeper_leaf(record.cgroup));
    } else {
        ::unsetenv("NOTIFY_SOCKET"); // NOLINT(concurrency-mt-unsafe): somebody else's.
    }
    if (!silence()) return;
    // Nobody is left to tell; the next command tries again.
    (void)become_keeper(stead_init, descriptors, name, true);
}

} // namespace

Result<void> revive_keeper(const Paths& paths, const Guest& guest) {
    if (!guest.running() || guest.kept) return {};
    const std::string& name = guest.record.name;
    Claim claimed = TRY(claim_existing(paths, name));
    const sys::UniqueFd program = TRY(init_program(paths));

    Remains remains{guest.record.cgroup, paths.guest(name), {}, has_network(claimed)};
    for (const std::uint32_t uid : guest.record.dynamic_uids)
        remains.claims.push_back(claim_path(paths, uid));
    const auto& service = guest.record.service;
    const unsigned flags = (guest.record.epilogue ? wire::kKeeperEpilogue : 0) |
                           (service && !service->ties.notify ? wire::kKeeperMute : 0);
    KeeperDescriptors descriptors;
    descriptors[wire::kKeeperConfig] = TRY(keeper_configuration(name, flags, service, remains));
    if (service && service->ties.journal) {
        // No journal is no reason to have no keeper: the files get every line.
        if (auto journal = connect_journal())
            descriptors[wire::kKeeperJournal] = std::move(*journal);
    }
    descriptors[wire::kKeeperChannel] = TRY(sys::connect_unix(paths.control(name), SOCK_SEQPACKET));
    descriptors[wire::kKeeperStead] = TRY(own_program());
    TRY(make_folders(paths.logs(name)));
    descriptors[wire::kKeeperLogs] =
        TRY(sys::open_at(AT_FDCWD, paths.logs(name).c_str(), O_RDONLY | O_DIRECTORY));
    descriptors[wire::kKeeperLock] = std::move(claimed.lock);
    if (!guest.record.cgroup.empty()) {
        auto cgroup = sys::open_at(AT_FDCWD, guest.record.cgroup.c_str(), O_RDONLY | O_DIRECTORY);
        if (cgroup) descriptors[wire::kKeeperCgroup] = std::move(*cgroup);
    }

    const sys::Cloned child = TRY(sys::clone_process(-1));
    if (child.pid == 0) {
        detach_and_become(program.get(), descriptors, guest.record);
        ::_exit(1);
    }
    return {};
}

} // namespace stead::guests
