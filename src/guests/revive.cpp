#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "guests/binaries.h"
#include "guests/guests.h"
#include "guests/ids.h"
#include "guests/keeper.h"
#include "guests/network.h"
#include "guests/state.h"
#include "sys/clone.h"
#include "sys/file.h"
#include "sys/unix_socket.h"

namespace stead::guests {

namespace {

/// The new keeper belongs to nobody's terminal or session. Returns only when it could not be.
void detach_and_become(int stead_init, KeeperDescriptors& descriptors, const std::string& name) {
    ::setsid();
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
    const unsigned flags = guest.record.epilogue ? wire::kKeeperEpilogue : 0;
    KeeperDescriptors descriptors;
    descriptors[wire::kKeeperConfig] = TRY(keeper_configuration(name, flags, remains));
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
        detach_and_become(program.get(), descriptors, name);
        ::_exit(1);
    }
    return {};
}

} // namespace stead::guests
