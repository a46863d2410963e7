#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/exec.h"
#include "model/unit.h"

namespace stead::unitfile {

/// A place in a file, as the reader of an error message needs it. Line and column count from 1; 0
/// is unknown.
struct Place {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// A value and where it was written; `place.file` is empty for a default.
template <typename T>
struct Placed {
    T value{};
    Place place;

    [[nodiscard]] bool given() const { return !place.file.empty(); }
};

using Text = Placed<std::string>;
using TextList = std::vector<Text>;
using Argv = std::vector<std::string>;

/// Where each key that was written stands, by its full name ("restart.delay", "user"): for messages
/// about values that only later turn out to be impossible, and for `explain`.
class KeyPlaces {
public:
    void add(std::string key, Place place) { places_[std::move(key)] = std::move(place); }

    [[nodiscard]] bool has(std::string_view key) const {
        return places_.find(key) != places_.end();
    }

    /// The place of `key`, or an empty one for a key that was not written.
    [[nodiscard]] Place find(std::string_view key) const {
        const auto found = places_.find(key);
        return found == places_.end() ? Place{} : found->second;
    }

private:
    std::map<std::string, Place, std::less<>> places_;
};

struct ProbeSpec {
    ReadyKind kind = ReadyKind::None;
    Argv exec;
    /// tcp: "host:port"; unix, path: a path; http: a URL.
    std::string endpoint;
    Place place;
};

/// What [on] says: an action, and the unit of `unit:NAME`.
struct OutcomeSpec {
    OutcomeAction action = OutcomeAction::None;
    std::string unit;
    Place place;
};

/// A number and what it becomes: exit codes, or signals (0: none).
using NumberPairs = std::vector<std::pair<std::uint8_t, std::uint8_t>>;

struct CredentialSpec {
    std::string name;
    std::string path;
    Place place;
};

/// One [socket.NAME].
struct SocketSpec {
    std::string name;
    /// In the order of the descriptors; "tcp:80", as written.
    TextList listen;
    std::uint32_t mode = 0600;
    Text user{"root", {}};
    bool lazy = false;
    bool per_connection = false;
};

struct TimerSpec {
    /// As written; compile reads it.
    Text calendar;
    /// Zero: not written.
    Duration every;
    std::optional<Duration> on_boot;
    Duration jitter;
    bool persistent = false;

    [[nodiscard]] bool given() const {
        return !calendar.value.empty() || every.ns != 0 || on_boot.has_value();
    }
};

enum class ProtectSystem : std::uint8_t { No, Yes, Full, Strict };

/// What Landlock allows. A list that was not written restricts nothing; an empty one allows
/// nothing.
struct LandlockSpec {
    std::optional<TextList> read;
    std::optional<TextList> write;
    std::optional<std::vector<std::uint16_t>> bind_tcp;
    std::optional<std::vector<std::uint16_t>> connect_tcp;
    /// Scopes: neither abstract sockets nor signals of processes outside the unit.
    bool abstract_sockets = false;
    bool signals = false;
    Place place;

    [[nodiscard]] bool given() const {
        return read || write || bind_tcp || connect_tcp || abstract_sockets || signals;
    }
};

/// [files]
struct FilesSpec {
    TextList read_only;
    TextList read_write;
    TextList hidden;
    bool private_tmp = false;
    bool private_devices = false;
    LandlockSpec landlock;
    ProtectSystem protect = ProtectSystem::No;
};

struct DirectorySpec {
    DirectoryKind kind = DirectoryKind::State;
    /// Below /var/lib, /run, /var/cache, /var/log.
    std::string name;
    Place place;
};

struct RlimitSpec {
    std::string name;
    ResourceLimit limit;
    Place place;
};

/// A cgroup level, checked by form only: `key` is the unit file's ("memory-max"), `value` as
/// written; `file` and `content` are what that means to the kernel ("memory.max", "536870912").
struct LevelSpec {
    std::string key;
    std::string value;
    std::string file;
    std::string content;
    Place place;
};

/// A list that may build on a default: ["...", "NET_RAW", "!SETFCAP"] in the order written.
struct ListSpec {
    /// False: the key was not written.
    bool given = false;
    std::vector<Text> items;
    Place place;
};

/// A count without a limit: "infinity".
inline constexpr std::uint32_t kUnlimited = 0xffffffff;

/// Exit code 0 and the signals HUP, INT, PIPE and TERM, by their kernel numbers.
constexpr ExitSet default_success_exit() {
    ExitSet set;
    set.add_code(0);
    for (const std::uint8_t signal : std::array<std::uint8_t, 4>{1, 2, 13, 15})
        set.add_signal(signal);
    return set;
}

/// What one unit file says, with every default filled in, names not yet resolved.
struct UnitSpec {
    std::string name;
    std::string file;
    /// Where the unit begins: its file, or the [unit.NAME] table of a guest file.
    Place place;
    /// What follows the '@' of the name; empty for an ordinary unit.
    std::string instance;
    KeyPlaces keys;

    std::string description;
    TextList documentation;
    UnitType type = UnitType::Exec;
    bool enabled = true;
    bool essential = false;
    bool require = false;

    TextList needs; // requires
    TextList binds_to;
    TextList wants;
    TextList after;
    TextList before;
    TextList conflicts;
    TextList part_of;

    Argv command;
    Place command_place;
    Text user{"root", {}};
    Text group;
    TextList supplementary_groups;
    Text working_directory{"/", {}};
    std::uint32_t umask = 022;
    bool remain_after_exit = true;
    ExitType exit_type = ExitType::Main;
    NumberPairs exit_map;
    NumberPairs signal_map;
    EssentialStop essential_stop = EssentialStop::Stay;
    OomPolicy oom_policy = OomPolicy::Stop;
    /// The exit codes and signals that are no failure: 0, HUP, INT, TERM, PIPE.
    ExitSet success_exit = default_success_exit();
    std::map<std::string, std::string> environment;
    /// With their variables in `environment` where they were read (see load_unit_folders).
    TextList environment_files;
    ListSpec environment_inherit;

    ListSpec capabilities;
    ListSpec ambient_capabilities;
    std::optional<bool> no_new_privileges;
    ListSpec system_calls;
    ListSpec address_families;
    bool write_execute = true;
    std::string system_call_error = "EPERM";

    std::vector<Argv> pre_start;
    std::vector<Argv> post_start;
    std::vector<Argv> pre_stop;
    std::vector<Argv> post_stop;
    Duration hook_timeout = 30_s;

    ProbeSpec ready;
    std::uint32_t ready_fd = 3;
    NotifyAccess notify_access = NotifyAccess::Main;
    Duration ready_interval = 500_ms;
    Duration ready_timeout = 90_s;

    ProbeSpec health;
    Duration health_interval = 10_s;
    Duration health_timeout = 3_s;
    std::uint8_t health_threshold = 3;
    HealthAction health_action = HealthAction::Restart;

    /// Zero: no watchdog.
    Duration watchdog;
    std::uint8_t watchdog_signal = 6;

    OutcomeSpec on_success;
    OutcomeSpec on_failure;
    OutcomeSpec on_limit;

    RestartPolicy restart = RestartPolicy::OnFailure;
    RestartMode restart_mode = RestartMode::Direct;
    Duration restart_delay = 500_ms;
    double restart_factor = 2.0;
    Duration restart_max_delay = 30_s;
    double restart_jitter = 0.1;
    Duration restart_reset_after = 30_s;
    /// kUnlimited: "infinity".
    std::uint32_t restart_burst = 10;
    Duration restart_interval = 5_min;
    /// Ends after which the unit is not started again, whatever the policy.
    ExitSet restart_prevent;

    /// stop.signal and stop.timeout are a schedule of one step; never empty once read.
    std::vector<StopStep> stop_schedule;
    Argv stop_command;
    Duration stop_timeout = 10_s;
    KillMode kill_mode = KillMode::ControlGroup;
    bool send_hup = false;

    std::uint8_t reload_signal = 0;
    Argv reload_command;
    bool reload_notifies = false;

    OutputKind output = OutputKind::Log;
    std::string output_target;
    OutputKind error = OutputKind::Log;
    std::string error_target;
    bool error_follows_output = true;
    std::uint64_t log_size = 1U << 20U;
    std::uint32_t log_keep = 5;
    bool log_timestamp = true;
    /// Writers wait while nobody takes their lines.
    bool log_blocks = false;

    std::vector<RlimitSpec> rlimits;
    std::vector<LevelSpec> levels;

    std::optional<std::int8_t> nice;
    std::optional<std::int16_t> oom_score_adjust;
    /// class << 13 | level of ioprio_set(2); 0: not written.
    std::uint16_t io_priority = 0;
    /// SCHED_ number of sched(7), and its real-time priority.
    std::optional<std::uint8_t> cpu_policy;
    std::uint8_t cpu_priority = 0;
    /// One bit for each processor.
    std::vector<std::byte> cpu_affinity;

    std::vector<CredentialSpec> credentials;
    /// "!" in front of an item turns it around.
    TextList condition_paths;
    TextList condition_environment;
    TextList condition_capabilities;
    TextList condition_virtualization;
    /// Absolute; empty: no terminal.
    std::string terminal;

    std::vector<DirectorySpec> directories;
    std::uint32_t directory_mode = 0750;

    FilesSpec files;
    TextList namespaces;
    bool delegate = false;
    TextList aliases;
    std::vector<SocketSpec> sockets;
    TimerSpec timer;
    std::uint32_t descriptor_store = 0;

    /// No keys of a file: the program of `stead jail` reads what the command reads, on a terminal
    /// through a terminal of its own.
    bool inherit_input = false;
    bool controlling_terminal = false;
};

enum class ProfileKind : std::uint8_t { System, Jail };

enum class UsersKind : std::uint8_t { Private, Host, Range };

struct BindSpec {
    std::string from;
    std::string to;
    bool read_only = false;
    bool nosuid = true;
    bool nodev = true;
    bool noexec = false;
    bool idmap = false;
    Place place;
};

/// A value of a drop-in that stands for one below it.
struct OverrideSpec {
    /// Its full name, "limits.memory-max".
    std::string key;
    Place place;
    Place below;
};

/// The words of network.masquerade.
enum class MasqueradeKind : std::uint8_t { Auto, Always, Never };

/// What one guest file says, with its drop-ins.
struct GuestSpec {
    std::string name;
    std::string file;
    /// Its drop-ins, in the order in which they lie over it.
    std::vector<std::string> drop_ins;
    KeyPlaces keys;

    std::string description;
    std::string hostname;
    /// 32 hexadecimal digits, or empty for "auto".
    Text machine_id;
    Placed<ProfileKind> profile{ProfileKind::System, {}};
    TextList unit_folders;

    /// Started with the host.
    bool enabled = false;
    /// Names of other guests.
    TextList after;
    TextList needs;
    /// [hooks]: commands on the host.
    std::vector<Argv> pre_start;
    std::vector<Argv> post_start;
    std::vector<Argv> pre_stop;
    std::vector<Argv> post_stop;
    Duration hook_timeout = 30_s;

    /// A directory, or "host"; empty in a jail, whose root is the host's programs.
    Text root;
    /// In place of `root`.
    Text image;
    bool ephemeral = false;
    Placed<bool> read_only;
    /// Of a guest on an image: folders apart from its changes.
    TextList volumes;
    std::vector<BindSpec> binds;

    /// The root's own services, under Stead.
    Placed<bool> distribution;
    /// The command of an init of the guest's own; empty: PID 1 looks after the services itself.
    Argv init;
    std::uint8_t init_stop_signal = 37; // SIGRTMIN+3

    Text target{"default", {}};
    Duration stop_timeout = 90_s;
    bool propagate_stop_exit = false;
    Placed<bool> hidepid;

    std::map<std::string, std::string> environment;

    Placed<UsersKind> users{UsersKind::Private, {}};
    std::uint32_t users_first = 0;
    std::uint32_t users_count = 65536;
    ListSpec capabilities;
    ListSpec system_calls;

    /// none | private | host; shared answers "not supported yet".
    Text network_mode{"none", {}};
    TextList listen;
    /// The rest is for private.
    TextList addresses;
    TextList gateway;
    TextList dns;
    Text link{"routed", {}};
    TextList ports;
    TextList peers;
    Placed<MasqueradeKind> masquerade;
    /// [view] uptime: a time namespace of its own.
    bool own_uptime = false;
    /// [host]: what of the host's service manager the guest takes part in.
    bool host_journal = true;
    bool host_machine = true;
    bool host_notify = true;
    Placed<bool> host_sockets{true, {}};
    /// Bytes of all logs together.
    std::uint64_t log_max = 1U << 30U;

    std::vector<RlimitSpec> rlimits;
    std::vector<LevelSpec> levels;

    /// [unit.NAME]: the units of a jail.
    std::vector<UnitSpec> units;

    std::vector<OverrideSpec> overrides;
};

} // namespace stead::unitfile
