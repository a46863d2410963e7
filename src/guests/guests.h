#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "recipe/recipe.h"
#include "sys/process.h"
#include "sys/unique_fd.h"

/// The life of guests on the host: which run, where their files and cgroups are, how one is started
/// and how what is left of one is cleared away. State is files under /run/stead and /var/lib/stead,
/// one lock per guest; whatever a file says about a process is verified against the kernel before
/// it is believed, so nothing stale blocks a start. This folder never prints and keeps no daemon.
namespace stead::guests {

/// Where Stead keeps its things: below these folders root's, an ordinary user's in
/// $XDG_RUNTIME_DIR/stead, $XDG_STATE_HOME/stead and $XDG_CONFIG_HOME/stead. STEAD_RUNTIME_DIR,
/// STEAD_STATE_DIR and STEAD_CONFIG_DIR move them, for tests.
struct Paths {
    std::string runtime = "/run/stead";
    std::string state = "/var/lib/stead";
    std::string config = "/etc/stead";

    static Paths from_environment();

    /// /run/stead/guests/NAME: lock, control, state.json.
    [[nodiscard]] std::string guest(std::string_view name) const;
    /// The host's listener of a running guest.
    [[nodiscard]] std::string control(std::string_view name) const;
    /// /var/lib/stead/logs/NAME.
    [[nodiscard]] std::string logs(std::string_view name) const;
    /// /var/lib/stead/images.
    [[nodiscard]] std::string images() const;
    /// /etc/stead/guests/NAME.toml.
    [[nodiscard]] std::string guest_file(std::string_view name) const;
};

/// A guest's name is a file name, a host name and a cgroup: [A-Za-z0-9] first, then also "._-", at
/// most kMaxGuestName characters.
bool valid_name(std::string_view name);

/// A level that a guest was started with.
struct RecordedLevel {
    /// "memory-max".
    std::string key;
    /// As the kernel takes it.
    std::string content;
    /// "web.toml:6"; empty: a default.
    std::string origin;
};

/// The service of systemd whose main process a guest's PID 1 is.
struct Service {
    /// Its NOTIFY_SOCKET.
    std::string notify;
    /// Its INVOCATION_ID; empty where the service manager gave none.
    std::string invocation;
    /// Its WatchdogSec= in milliseconds; 0: none.
    std::int64_t watchdog_ms = 0;
    /// What of it the guest takes part in.
    recipe::HostTies ties;
};

/// What state.json says of a guest that was started.
struct Record {
    std::string name;
    /// The guest file it came from; empty for a jail of the command line.
    std::string file;
    pid_t pid = 0;
    /// Field 22 of /proc/PID/stat: together with the pid, an identity.
    std::uint64_t start_time = 0;
    /// Inode of the guest's pid namespace.
    std::uint64_t pid_namespace = 0;
    /// Absolute path of its cgroup; empty where the host has no cgroup2.
    std::string cgroup;
    /// Seconds since 1970.
    std::int64_t created = 0;
    /// The ids that its units without a user were given.
    std::vector<std::uint32_t> dynamic_uids;
    /// Its keeper belongs to nobody's terminal; a reboot starts it again.
    bool detached = false;
    /// Its keeper ends as `stead ended`.
    bool epilogue = false;
    /// Its one unit, "init", is an init of its own, in namespaces below the guest's.
    bool own_init = false;
    /// Nothing: it was started by a command.
    std::optional<Service> service;
    /// Bytes that all its logs together may take; 0: not bounded.
    std::uint64_t log_max = 0;
    /// Its units came with its guest file, or from the command line: it reads none itself.
    bool jail = false;
    std::vector<RecordedLevel> levels;
    /// The folder of its own disk; empty: it has none, and why.
    std::string disk;
    std::string no_disk;
};

struct Guest {
    Record record;
    /// PID 1 of the guest, verified; nothing if it has ended.
    std::optional<sys::Process> init;
    /// Somebody holds the guest's lock: its keeper, or a command that starts or clears it.
    bool kept = false;

    [[nodiscard]] bool running() const { return init.has_value(); }
};

/// Every guest with a folder under /run/stead/guests, running or left over, by name.
Result<std::vector<Guest>> list(const Paths& paths);
/// One guest; nothing if there is no folder of that name.
Result<std::optional<Guest>> find(const Paths& paths, std::string_view name);

/// Waits until the folder is gone whose lock somebody has just removed: one comes right after the
/// other. A second at most, for who removes them may have been killed.
void await_removal(const Paths& paths, std::string_view name);

/// Clears away what is left of a guest that no longer runs: processes, cgroups, claimed uid, state
/// files. Does nothing to a running guest. May be called any number of times.
Result<void> clean_up(const Paths& paths, std::string_view name);

/// The same for every guest that has ended without its keeper; what cannot be cleared stays for the
/// next time. Only root's commands do it; whether this one did.
bool clear_ended(const Paths& paths);

/// What PID 1 of a running guest is to execute instead of itself: the stead-init of this `stead`,
/// or, with `file`, a copy of that, written to /run/stead/lib as for a start and sealed as there.
Result<sys::UniqueFd> upgrade_program(const Paths& paths, const std::string& file);
/// Eight digits that tell the program at `path` from every other build of its version; empty if it
/// cannot be read.
std::string build_of(const std::string& path);

/// Starts a new keeper for a running guest whose keeper has died; does nothing if it has one.
Result<void> revive_keeper(const Paths& paths, const Guest& guest);

} // namespace stead::guests
