#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "model/activation.h"
#include "model/exec.h"
#include "model/unit.h"

/// How a plan lies in memory; for the folder's own files. A header, then the tables in the order of
/// TableId, each at the next multiple of 8 bytes, with zeros between: for one content there is one
/// image. Numbers are in the machine's own order, because a plan never leaves its machine but in an
/// image of the same architecture (another one's fails at the magic number or the sizes).
namespace stead::plan {

/// A string: the position of its first byte in the Strings table, whose first byte is the empty
/// string.
using StringRef = std::uint32_t;

/// `count` entries of a table from `first` on.
struct Slice {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
};

enum class TableId : std::uint8_t {
    Policies,
    Dependencies,
    Units,
    /// Of one or more units.
    Bodies,
    /// UnitIds in the order of their names.
    Names,
    /// Slices of Lists: one argv each; a unit's commands stand together, by role.
    Commands,
    /// StringRefs: argv, environments, notices.
    Lists,
    Groups,
    Limits,
    Directories,
    Settings,
    /// BPF instructions.
    Filters,
    /// Bytes: socket addresses, masks of processors, pairs of signals.
    Addresses,
    /// None or one.
    Guest,
    Sockets,
    Timers,
    /// ZoneChanges.
    Zones,
    Strings
};
inline constexpr std::size_t kTables = 18;

struct Header {
    std::uint32_t magic = 0;
    std::uint32_t version = 0;
    /// Bytes of the whole image.
    std::uint32_t size = 0;
    std::uint32_t reserved = 0;
    /// `first` is the position in the image, `count` the number of records.
    std::array<Slice, kTables> tables{};
    /// Of Lists; `rejected` are pairs.
    Slice notices;
    Slice rejected;
    /// Pairs too: a further name of a unit, and its own.
    Slice aliases;
};

/// What is true of a unit, bit by bit, so that no byte of an image is ever read as a bool.
enum UnitFlag : std::uint32_t {
    kInheritAll = 1U << 0U,
    kOwnCapabilities = 1U << 1U,
    kNoNewPrivileges = 1U << 2U,
    kNoRoot = 1U << 3U,
    kRequire = 1U << 4U,
    kHasNice = 1U << 5U,
    kHasOomScore = 1U << 6U,
    kInheritInput = 1U << 7U,
    kControllingTerminal = 1U << 8U,
    kErrorFollowsOutput = 1U << 9U,
    kLogTimestamp = 1U << 10U,
    kHasCpuPolicy = 1U << 11U,
    kReadsUnits = 1U << 12U,
    kUnitFlags = (1U << 13U) - 1
};

/// What belongs to one unit alone; the rest stands in its body.
struct UnitRecord {
    StringRef name = 0;
    StringRef description = 0;
    StringRef source = 0;
    /// How many commands there are of each role stands in the policy.
    std::uint32_t first_command = 0;
    /// The same for equal definitions, whatever the units around them; 0: not known.
    std::uint32_t digest = 0;
    /// Index of its body: that of an earlier unit, or the next one.
    std::uint16_t body = 0;
    /// Proof that the order has no cycle: what a unit is ordered after has a smaller rank.
    std::uint16_t rank = 0;
    Slice sockets;
    /// None or one.
    Slice timer;
};

/// How a unit is executed. Most units of a plan differ in little but their commands, so equal
/// bodies are stored once.
struct UnitBody {
    StringRef working_directory = 0;
    StringRef output_path = 0;
    StringRef error_path = 0;
    StringRef ready_path = 0;
    StringRef health_path = 0;
    StringRef terminal = 0;
    std::uint32_t flags = 0;
    std::uint32_t log_keep = 0;
    Slice environment;
    Slice environment_inherit;
    Slice groups;
    Slice limits;
    Slice directories;
    Slice settings;
    Slice filter;
    Slice address;
    Slice health_address;
    /// Of Addresses: pairs of the signal that arrives and the one that is passed on (0: none).
    Slice signal_map;
    /// Of Addresses: a mask of processors.
    Slice affinity;
    Slice conditions;
    Slice credentials;
    Slice view;
    /// Of Filters.
    Slice landlock;

    std::uint64_t capabilities = 0;
    std::uint64_t ambient = 0;
    std::uint64_t log_size = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t ready_fd = 0;

    std::uint32_t descriptor_store = 0;
    /// CLONE_NEW* of unshare(2).
    std::uint32_t namespaces = 0;
    std::uint16_t umask = 0;
    std::int16_t oom_score_adjust = 0;
    std::uint16_t io_priority = 0;
    std::uint8_t cpu_policy = 0;
    std::uint8_t cpu_priority = 0;
    std::int8_t nice = 0;
    OutputKind output = OutputKind::Log;
    OutputKind error = OutputKind::Log;
    NotifyAccess notify_access = NotifyAccess::Main;
};

struct SocketRecord {
    StringRef name = 0;
    Slice address;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint16_t mode = 0;
    SocketKind kind = SocketKind::Stream;
    std::uint8_t flags = 0;
};

struct TimerRecord {
    Calendar calendar;
    std::uint32_t flags = 0;
    std::uint32_t every_ms = 0;
    std::uint32_t on_boot_ms = 0;
    std::uint32_t jitter_ms = 0;
    Slice zone;
};

struct DirectoryRecord {
    StringRef path = 0;
    std::uint16_t mode = 0;
    DirectoryKind kind = DirectoryKind::State;
    std::uint8_t reserved = 0;
};

struct SettingRecord {
    StringRef file = 0;
    StringRef value = 0;
};

enum GuestFlag : std::uint32_t {
    kPrivateUsers = 1U << 0U,
    kGuestNoNewPrivileges = 1U << 1U,
    kGuestNoRoot = 1U << 2U,
    kHasUnits = 1U << 3U,
    kLaunched = 1U << 4U,
    kPropagateStopExit = 1U << 5U,
    kGuestFlags = (1U << 6U) - 1
};

struct GuestRecord {
    StringRef name = 0;
    StringRef target = 0;
    std::uint64_t capabilities = 0;
    Slice filter;
    std::uint32_t stop_timeout_ms = 0;
    std::uint32_t max_units = 0;
    std::uint32_t flags = 0;
    std::uint32_t reserved = 0;
};

/// Size of one record, by table.
inline constexpr std::array<std::uint32_t, kTables> kRecordSize = {
    sizeof(UnitPolicy),
    sizeof(Dependency),
    sizeof(UnitRecord),
    sizeof(UnitBody),
    sizeof(UnitId),
    sizeof(Slice),
    sizeof(StringRef),
    sizeof(std::uint32_t),
    sizeof(ResourceLimit),
    sizeof(DirectoryRecord),
    sizeof(SettingRecord),
    sizeof(std::uint64_t),
    1,
    sizeof(GuestRecord),
    sizeof(SocketRecord),
    sizeof(TimerRecord),
    sizeof(ZoneChange),
    1,
};

constexpr bool orders(DependencyKind kind) {
    return kind == DependencyKind::Requires || kind == DependencyKind::BindsTo ||
           kind == DependencyKind::Wants || kind == DependencyKind::After;
}

constexpr std::size_t aligned(std::size_t position) {
    return (position + 7) & ~std::size_t{7};
}

// Padding would let equal plans differ, and an image carry bytes that nobody looks at.
static_assert(std::has_unique_object_representations_v<Header>);
static_assert(std::has_unique_object_representations_v<UnitRecord>);
static_assert(std::has_unique_object_representations_v<UnitBody>);
static_assert(std::has_unique_object_representations_v<DirectoryRecord>);
static_assert(std::has_unique_object_representations_v<SettingRecord>);
static_assert(std::has_unique_object_representations_v<GuestRecord>);
static_assert(std::has_unique_object_representations_v<SocketRecord>);
static_assert(std::has_unique_object_representations_v<TimerRecord>);
static_assert(std::has_unique_object_representations_v<ZoneChange>);
static_assert(std::has_unique_object_representations_v<ResourceLimit>);
static_assert(sizeof(Header) % 8 == 0);

} // namespace stead::plan
