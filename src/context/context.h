#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "recipe/recipe.h"
#include "sys/process.h"

/// Turns a recipe into a running context: namespaces, mounts, ids, limits, filter and capabilities,
/// verified by reading them back, with stead-init as PID 1 of it. It decides nothing that a recipe
/// could say, writes nothing into a guest's root, never follows a path below that root but through
/// sys/path.h, and leaves no process, mount or descriptor behind when it fails.
///
/// The caller's own namespaces, working directory, identity and descriptors stay as they are. All
/// work is done by two short-lived bodies of the caller that share its memory (CLONE_VM and
/// CLONE_VFORK: the caller sleeps meanwhile) but neither its descriptors nor its file system view:
/// the builder, in a mount namespace of its own that the host's user namespace owns, and the child
/// that becomes PID 1.
namespace stead::context {

/// What the launcher lends; -1: not given. Nothing here is closed or changed. PID 1 finds them
/// under the numbers of wire/boot.h, and nothing else: every other descriptor is closed before it
/// runs.
struct Descriptors {
    /// Standard input, output and error of PID 1: all three are needed. Pipes, sockets or the
    /// null device; never a file or terminal of the host.
    int input = -1;
    int output = -1;
    int error = -1;

    /// Sealed memfd (kBootPlan), the host's listener (kBootHostControl), PID 1's end of the channel
    /// to the keeper (kBootKeeper). Needed with a real stead-init; a test may leave them out.
    int plan = -1;
    int host_control = -1;
    int keeper = -1;

    /// O_PATH descriptor of stead-init. Needed. It is executed through a read-only clone of its
    /// mount that no path of the guest reaches.
    int stead_init = -1;

    /// O_PATH descriptor of `stead`: becomes kBootLoader and /run/stead/bin/stead, read-only both.
    int stead = -1;

    /// Detached devpts that becomes the recipe's one, with the guest's first terminal in it; -1: a
    /// new one is made. Only with host users: it belongs to the host's user namespace.
    int devpts = -1;

    /// O_RDONLY or O_PATH descriptor of the guest's own cgroup folder CGROUP2/stead/NAME on any
    /// cgroup2 mount. It holds an empty child `init`, no process, and nothing in its
    /// cgroup.subtree_control yet (PID 1 enables what it needs). PID 1 is born in `init`, its
    /// cgroup namespace shows the folder as the root, and kBootCgroup is a detached mount of it. -1
    /// where there is no cgroup2 write access: the guest then lives in the caller's cgroup, and
    /// what needs one (network.listen) is refused.
    int cgroup = -1;

    /// What the host's service manager has opened for the guest, in the order of the names in the
    /// recipe's LISTEN_FDNAMES: wire/boot.h.
    std::span<const int> sockets;

    /// PID 1 becomes the child of the caller's parent: a service manager then learns its end, and
    /// the caller does not.
    bool for_parent = false;
};

struct Running {
    /// PID 1: a child of the caller (or of its parent), with SIGCHLD as its exit signal.
    sys::Process init;
    /// What only a default asked for and this machine could not give, one sentence each.
    std::vector<std::string> notices;
};

/// Makes the interfaces of a guest's network, of which it is given the new network namespace. It is
/// called in the caller's own namespaces, before anything of the guest runs.
using ConnectNetwork = FunctionRef<Result<void>(int network_namespace)>;

/// Builds the context of `recipe` and returns once stead-init has been executed in it; before that
/// an Error says what failed on what, and nothing is left. `recipe.ids` must have been allocated:
/// with private users `first` is neither 0 nor shared with anybody.
///
/// In the guest it makes, beyond what the recipe lists: /run/stead (own tmpfs, read-only, below the
/// recipe's own tmpfs on /run) with the listening SOCK_SEQPACKET socket `control`
/// (kBootGuestControl) and the bound SOCK_DGRAM socket `notify` (kBootNotify), both mode 0666, and
/// bin/stead. A recipe's socket (MountKind::Socket) is PID 1's kBootSyslog.
///
/// PID 1 is executed as uid 0 of the guest with argv {"stead-init", "--boot"}, the recipe's
/// environment, working directory /, a session of its own, umask 022, no blocked signal, and the
/// recipe's rlimits. Its bounding set is the recipe's allow-list. `init_capabilities` and its
/// marker, WAKE_ALARM, are inheritable beside it: so they survive every execution by uid 0, and
/// spawn takes them from the units by emptying the inheritable set. Ambient is empty, securebits
/// are 0 (with NOROOT PID 1 could not keep anything; spawn sets them for the units of a jail). The
/// filter is `init_filter` if there is one, else `filter`; no_new_privs only if the recipe says so.
///
/// The caller has applied `recipe.levels` and removes the cgroup when the guest is gone, or when
/// this fails.
///
/// `connect` may be null: a network of the guest's own then has loopback only.
Result<Running> start(const recipe::Context& recipe,
                      const Descriptors& descriptors,
                      const ConnectNetwork* connect = nullptr);

} // namespace stead::context
