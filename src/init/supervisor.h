#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/fixed_string.h"
#include "base/time.h"
#include "engine/engine.h"
#include "init/slot_fd.h"
#include "init/unit_table.h"
#include "model/names.h"
#include "model/state.h"
#include "spawn/spawn.h"
#include "wire/message.h"

/// stead-init: the event loop that joins engine, sys and spawn. It boots from a plan, obeys the
/// engine, and answers the control sockets; it parses no text, has one thread and one blocking
/// call, and allocates nothing once it runs. Everything it remembers is in this header, as plain
/// values whose zero means "nothing", in memory that is mapped once and touched as needed.
namespace stead::init {

inline constexpr std::size_t kMaxClients = 32;
/// Of these, clients of the guest's own listener: they cannot lock the host out.
inline constexpr std::size_t kMaxGuestClients = 24;
inline constexpr std::size_t kMaxTransients = 16;
inline constexpr std::size_t kMaxStatusText = 95;
/// Pointers of one argv and one environment together.
inline constexpr std::size_t kMaxPointers = std::size_t{16} << 10U;
/// Text made for one child: NOTIFY_SOCKET and its like, or a transient unit's strings.
inline constexpr std::size_t kMaxChildText = wire::kMaxMessage + 4096;
/// Lines kept while no keeper is connected.
inline constexpr std::size_t kRingSize = std::size_t{256} << 10U;
/// Ended children, notify messages, accepted clients: what one turn of the loop takes of each.
inline constexpr int kPerTurn = 64;

/// What an epoll event is about: Source in the upper half of its data, an index in the lower.
enum class Source : std::uint32_t {
    Signals,
    Timer,
    Notify,
    HostListener,
    GuestListener,
    Keeper,
    Client,
    Report,
    Ready,
    Probe,
    CgroupEvents,
    Output,
    ErrorOutput
};

constexpr std::uint64_t event_data(Source source, std::size_t index = 0) {
    return static_cast<std::uint64_t>(source) << 32U | static_cast<std::uint32_t>(index);
}

/// A child of ours that belongs to a unit or to a transient unit. Unused: pid 0.
struct Child {
    pid_t pid = 0;
    SlotFd pidfd;
    /// Read end of the report pipe, until the program runs or has failed to.
    SlotFd report;
    std::uint32_t ticket = 0;
    UnitId unit = kNoUnit;
    /// Index of its transient unit, with `unit` kNoUnit.
    std::uint16_t transient = 0;
    CommandRole role = CommandRole::Main;
    /// The mark before execve was seen.
    bool marked = false;
    bool executed = false;
    /// What the child reported instead of becoming its program.
    SpawnStage failed_stage = SpawnStage::None;
    std::int32_t failed_error = 0;
};

/// What stead-init itself remembers of a unit; its life is the engine's.
struct Unit {
    /// Both ends of the log pipes: the write end stays open over restarts, so readers see no end of
    /// file meanwhile.
    SlotFd output_read;
    SlotFd output_write;
    SlotFd error_read;
    SlotFd error_write;
    /// Read end of the readiness descriptor.
    SlotFd ready;
    /// A connection being made by the readiness probe.
    SlotFd probe;
    /// cgroup.events, while the unit is to become empty.
    SlotFd cgroup_events;
    /// Process group of the main process, where there is no cgroup to tell who is left.
    pid_t group = 0;
    /// A MAINPID that the unit named and that is its own.
    bool handed_output = false;
    bool handed_error = false;
    bool has_cgroup = false;
    /// cgroup.kill was used on it: nothing may be started in it any more.
    bool cgroup_killed = false;
    /// Processes of the present cgroup that the kernel has killed for want of memory.
    std::int64_t oom_kills = 0;
    /// Somebody wants to know when no process is left.
    bool watch_empty = false;
    FixedString<kMaxStatusText> status_text;
};

enum class Pending : std::uint8_t {
    None,
    /// Unit records from `cursor` on, then End.
    Status,
    /// End once `unit` has settled.
    Settle,
    /// A record at every change of `unit`, or of all.
    Watch,
    /// A transient unit of this connection.
    Exec
};

/// A control connection. Unused: no fd.
struct Client {
    SlotFd fd;
    bool host = false;
    /// May command, not only look.
    bool commands = false;
    Pending pending = Pending::None;
    /// Waits for room in its socket.
    bool blocked = false;
    bool until_settled = false;
    wire::Kind request{};
    UnitId unit = kNoUnit;
    std::uint16_t cursor = 0;
    std::uint16_t transient = 0;
    /// When it was last heard; who idles longest goes first when all places are taken.
    Instant heard;
};

/// A command that a client had started inside the guest. Unused: no client and no child.
struct Transient {
    bool used = false;
    bool has_client = false;
    bool ending = false;
    bool started = false;
    bool has_cgroup = false;
    std::uint16_t client = 0;
    std::uint32_t number = 0;
    pid_t group = 0;
    /// The terminal's master, until it has been handed out with Started.
    SlotFd master;
    /// Ending: when what is left is killed.
    Instant kill_at;
    ExitStatus status;
};

/// Memory for one child or one message, used anew for each. What nearly every use touches comes
/// first, so that it shares a page.
struct Scratch {
    std::array<char, 512> short_text;
    std::array<char*, kMaxPointers> pointers;
    std::array<std::byte, wire::kMaxMessage> received;
    std::array<std::byte, wire::kMaxMessage> sent;
    std::array<char, kMaxChildText> text;
    std::array<DirectoryView, 64> directories;
    std::array<std::uint32_t, 256> groups;
    /// Where a crash is told of.
    std::array<char, 8192> crash_stack;
};

/// Lines of services while no keeper reads them; see ring.h.
struct Ring {
    std::span<std::byte> memory;
    std::size_t head = 0;
    std::size_t used = 0;
    std::uint64_t dropped = 0;
};

struct Cgroups {
    /// Folder under which `units` lies; none: no cgroup is at hand.
    SlotFd root;
    SlotFd units;
    /// The path of `units` as /proc/PID/cgroup spells it, with a slash at the end.
    FixedString<511> prefix;
    /// Made by ourselves in somebody else's container, to be removed at the end: its path.
    FixedString<511> own;
};

/// All that PID 1 remembers. What is touched everywhere comes first: the nearer to the beginning,
/// the shorter each instruction that reaches it.
struct Supervisor {
    Scratch* scratch = nullptr;
    std::span<Unit> units;
    std::span<Child> children;
    std::size_t children_end = 0;
    char** environment = nullptr;

    SlotFd epoll;
    SlotFd signals;
    SlotFd timer;
    SlotFd notify;
    SlotFd host_listener;
    SlotFd guest_listener;
    SlotFd keeper;
    /// Given up for a moment when descriptors run out.
    SlotFd reserve;

    /// The keeper's channel is full; pipes wait to be handed over.
    bool keeper_blocked = false;
    /// Descriptors came from a launcher.
    bool launched = false;
    bool init_of_namespace = false;
    /// Signals for the command of `-- CMD` are passed on.
    bool forwards = false;
    /// Standard input is a terminal that the command takes over.
    bool gives_terminal = false;
    /// Somebody else's container: the command stays in our session, in the foreground.
    bool shares_session = false;
    bool more_children = false;
    bool more_notices = false;
    bool changed = false;
    bool ready_told = false;
    bool ended = false;
    bool raised_open_files = false;
    EndKind end = EndKind::Exit;
    /// What is started at boot; kNoUnit: every enabled unit.
    UnitId target = kNoUnit;
    int exit_code = 0;

    std::optional<engine::Engine> engine;
    UnitTable table;
    Instant armed = Instant::never();
    /// When this PID 1 began to run: before its units were loaded.
    Instant boot_time;
    /// When every unit had settled for the first time; zero: not yet.
    Instant ready_time;
    Duration stop_budget = 9_s;
    Ring ring;
    /// RLIMIT_NOFILE as it was before we raised our own.
    ResourceLimit open_files;
    /// What children have from us.
    spawn::Inherited inherited;
    std::uint32_t transient_count = 0;

    /// Sentences for `status`, each said once when it came up.
    std::size_t notice_count = 0;
    std::array<const char*, 8> notices{};

    Cgroups cgroups;
    FixedString<107> control_path;
    FixedString<107> notify_path;
    std::array<Transient, kMaxTransients> transients{};
    std::array<Client, kMaxClients> clients{};
};

} // namespace stead::init
