#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "base/fixed_string.h"
#include "base/time.h"
#include "init/slot_fd.h"
#include "model/exec.h"
#include "model/names.h"
#include "model/state.h"
#include "spawn/spawn.h"
#include "wire/message.h"

/// What PID 1 must not forget, whatever happens to PID 1 itself. It lies in a sealed memfd that is
/// mapped shared and handed from one execution of stead-init to the next; everything else (epoll,
/// timer, signal descriptor, the mapped plan, scratch memory) is made anew from it.
///
/// The memfd, of kStateSize bytes of which only the touched pages exist:
///
///     Supervisor | Unit ... | engine's memory | Child ... |  hole  | received | ring
///
/// How it stays true at every instruction:
///
/// - Intent before action. The engine keeps the event told last until it has taken it in whole
///   (engine/core.h, Journal) and the action handed out last until the next one is asked for; a
///   resumed PID 1 takes in the one and carries the other out again. Every action but Spawn may be
///   done twice; a Spawn is done again only while the engine still expects its process and no child
///   has its ticket.
/// - A child's record names unit, role and ticket before the clone, and the kernel itself writes
///   pid and pidfd into it within the clone. A record without a pid is a child that never was.
/// - An ended child is looked at before it is reaped, its status is kept before it is reaped, and
///   its record goes after the engine has heard of it.
/// - What a read takes away from the kernel (a message, a signal, a report) is read into the state,
///   with a note of whose it is, and the note goes when it has been obeyed (Mailbox).
/// - A descriptor is in the state before anything depends on it, and leaves it before it is closed.
///   Everything is close-on-exec; only what stands in the state survives an execution
///   (`each_descriptor`).
///
/// Every record is plain data whose zero means "nothing". Another version can take a state over
/// whose records have other sizes (upgrade.h), so fields are only added at the end of Unit, Child
/// and State; whoever moves or drops one counts kStateVersion up.
namespace stead::init {

inline constexpr std::uint32_t kStateMagic = 0x54535453; // "STST"
inline constexpr std::uint32_t kStateVersion = 2;
inline constexpr std::size_t kStateSize = std::size_t{16} << 20U;

inline constexpr std::size_t kMaxClients = 32;
/// Of these, clients of the guest's own listener: they cannot lock the host out.
inline constexpr std::size_t kMaxGuestClients = 24;
inline constexpr std::size_t kMaxTransients = 64;
/// Of these, processes of connections: they cannot lock `exec` out.
inline constexpr std::size_t kMaxConnections = 48;
/// Sockets of all units, and descriptors that units have left with us.
inline constexpr std::size_t kMaxHeld = 256;
inline constexpr std::size_t kMaxHeldName = 51;
inline constexpr std::size_t kMaxArmed = 192;
/// Plans that units still run by although they have been replaced, and those of detached commands.
inline constexpr std::size_t kMaxPlans = 16;
inline constexpr std::size_t kMaxStatusText = 95;
/// Lines kept while no keeper is connected.
inline constexpr std::size_t kRingSize = std::size_t{256} << 10U;
/// Of it, in somebody else's container, for the last lines of a unit.
inline constexpr std::size_t kForeignRing = std::size_t{16} << 10U;
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
    ErrorOutput,
    /// A main process that we did not start ourselves has ended.
    MainEnd,
    Console,
    Socket,
    WallClock,
    Syslog
};

constexpr std::uint64_t event_data(Source source, std::size_t index = 0) {
    return static_cast<std::uint64_t>(source) << 32U | static_cast<std::uint32_t>(index);
}

/// Stores before it stay before stores after it, for whoever finds the state after a crash.
inline void order_stores() {
    asm volatile("" ::: "memory");
}

/// A child of ours that belongs to a unit or to a transient unit. Unused: pid 0.
struct Child {
    /// Both are written by the kernel within clone3.
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
    /// It has ended with `status`, which the engine may not have heard of yet.
    bool ended = false;
    /// What the child reported instead of becoming its program.
    SpawnStage failed_stage = SpawnStage::None;
    std::int32_t failed_error = 0;
    ExitStatus status;
    /// A report is read into here, and cleared when it has been understood.
    spawn::Report incoming;
    /// A main process that its unit named; it may be no child of ours.
    bool taken = false;
    /// Another one has taken its place as main process.
    bool replaced = false;
    /// Somebody has killed it by PID 1: what waits for its unit waits for that end too.
    bool killed = false;
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
    /// Ticket of the main process, for one that takes its place.
    std::uint32_t main_ticket = 0;
    /// It was started as unit `defined` of older plan `plan` - 1 describes it; 0: the newest plan
    /// does.
    std::uint16_t plan = 0;
    UnitId defined = 0;
    /// Both ends of the pipe that other units' output goes to: while we have them neither side
    /// notices that the other one is started again.
    SlotFd input_read;
    SlotFd input_write;
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
    Exec,
    /// End once the new program has taken over, or has not.
    Upgrade,
    /// End once the new units are there.
    Reload
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
    /// The process of one connection of `unit`.
    bool serves = false;
    UnitId unit = kNoUnit;
};

/// A descriptor that outlives the runs of a unit. Unused: no fd.
struct Held {
    SlotFd fd;
    UnitId unit = kNoUnit;
    /// Which of the unit's sockets it is.
    std::uint16_t socket = 0;
    /// Of the unit's definition by which it was opened: another one has other sockets.
    std::uint32_t digest = 0;
    FixedString<kMaxHeldName> name;
};

/// Held::socket of what a unit has left with us.
inline constexpr std::uint16_t kStored = 0xffff;

/// When a unit starts by the clock, or listens again.
struct Timer {
    Instant at = Instant::never();
    /// CLOCK_REALTIME in nanoseconds; 0: no calendar.
    std::int64_t wall = 0;
    UnitId unit = kNoUnit;
    bool listens = false;
    std::uint32_t digest = 0;
};

/// The ring's number for what came to /dev/log.
inline constexpr UnitId kSyslog = kNoUnit - 1;

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

/// What was read and has not been obeyed yet. `source` is written before the read and cleared after
/// it has been obeyed; what is read starts out as zeros, so a read that never happened shows.
struct Mailbox {
    /// Signals, Notify, Client, Ready or Keeper; Timer: nothing.
    Source source = Source::Timer;
    std::uint32_t index = 0;
    /// Engine::events before it was obeyed: when more were told since, it has been.
    std::uint32_t events = 0;
    std::uint32_t size = 0;
    /// Descriptors and credentials as recvmsg(2) leaves them.
    alignas(8) std::array<std::byte, 128> control{};
    alignas(8) std::array<std::byte, 128> text{};
};

/// Where the tables lie, from the beginning of the memfd, and how long their records are.
struct StateLayout {
    std::uint32_t magic = 0;
    std::uint32_t version = 0;
    std::uint32_t state_bytes = 0;
    std::uint32_t unit_bytes = 0;
    std::uint32_t child_bytes = 0;
    std::uint32_t units = 0;
    std::uint32_t children = 0;
    std::uint32_t engine_at = 0;
    std::uint32_t engine_bytes = 0;
    std::uint32_t units_at = 0;
    std::uint32_t children_at = 0;
};

/// How often PID 1 has failed.
struct CrashAccount {
    std::uint32_t total = 0;
    /// Since `window` began.
    std::uint32_t recent = 0;
    Instant window;
    /// The version that runs is on trial: its first failure goes back to `fallback`.
    bool on_trial = false;
};

/// What does not change once the tables are there, and without which nothing else can be found. A
/// copy of it is kept outside of the state and put back at a crash.
struct Roots {
    StateLayout layout;
    /// The memfd of the state itself, and our program (O_PATH).
    SlotFd memory;
    SlotFd program;
    /// Sealed memfds: the launcher's plan, and the plan of the units.
    SlotFd launcher_plan;
    SlotFd unit_plan;
    /// Those that Unit::plan counts.
    std::array<SlotFd, kMaxPlans> older_plans{};
    SlotFd notify;
    SlotFd host_listener;
    SlotFd guest_listener;
    /// Descriptors came from a launcher.
    bool launched = false;
    bool init_of_namespace = false;
    /// The tables are there: from here on PID 1 can be resumed.
    bool prepared = false;
    /// The command of `-- CMD`: the index of its first word; 0: none.
    std::uint32_t command_at = 0;
};

/// Services being taken back after the engine's state was lost (adopt.h).
enum class Adoption : std::uint8_t {
    None,
    /// The new engine is to be made.
    Begun,
    /// It has been told what to start.
    Told
};

/// All that PID 1 remembers. No constructor makes one: in memory that is all zeros `begin_state`
/// (state.cpp) sets what a new state has otherwise, and pages of unused tables never come to be.
struct State : Roots {
    std::uint32_t children_end = 0;
    SlotFd keeper;
    /// The program before the last upgrade: it takes over again when the new one fails.
    SlotFd fallback;

    /// The keeper's channel is full; pipes wait to be handed over.
    bool keeper_blocked = false;
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

    /// Sentences for `status`, each ended by a newline and said once when it came up.
    FixedString<699> notices;

    Cgroups cgroups;
    FixedString<107> control_path;
    FixedString<107> notify_path;
    std::array<Transient, kMaxTransients> transients{};
    std::array<Client, kMaxClients> clients{};
    Mailbox mailbox;
    Adoption adoption = Adoption::None;
    CrashAccount crashes;
    /// The launcher has not said Committed yet.
    bool provisional = false;
    /// The units are other ones, which the engine is to be told; `begun` starts now.
    bool reloaded = false;
    UnitId begun = kNoUnit;
    /// How many of the next two tables have ever been in use.
    std::uint32_t held_end = 0;
    std::uint32_t timer_end = 0;
    std::uint64_t chance = 0;
    std::array<Timer, kMaxArmed> timers{};
    std::array<Held, kMaxHeld> held{};
    /// The guest's /dev/log, which only its keeper reads; while there is none it goes to the ring.
    SlotFd syslog;
    bool handed_syslog = false;
    wire::LogCounts log_counts;
    /// What the service manager was told last (`tell_status`).
    std::uint32_t status_told = 0;
};

static_assert(std::is_trivially_copyable_v<Roots> && std::is_trivially_copyable_v<State> &&
              std::is_trivially_copyable_v<Unit> && std::is_trivially_copyable_v<Child>);

/// Calls `function` with every descriptor that outlives an execution. Calls the system by nothing
/// but `function`, so that a signal handler may use it.
void each_descriptor(const State& state,
                     std::span<const Unit> units,
                     std::span<const Child> children,
                     void (*function)(int fd));

} // namespace stead::init
