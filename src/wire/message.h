#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// Messages between `stead`, PID 1 and the keeper: one SOCK_SEQPACKET record each. A fixed header,
/// then fields of {tag, length, bytes}, each padded to 4 bytes; little of it is ever optional and
/// nothing nests deeper than a list of equal fields. Bytes from the other side are hostile: every
/// length is checked before use, an unknown tag is skipped, and reading past the end yields
/// nothing.
namespace stead::wire {

inline constexpr std::uint32_t kMagic = 0x31445453; // "STD1"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::size_t kMaxMessage = std::size_t{64} * 1024;

/// Every request is answered by exactly one End, after whatever else it brings; one connection
/// holds one request at a time (the next is read when the last has ended), Exec's ExecControl
/// excepted. On the guest's listener Ping, Status, Wait and Logs are for everybody, the others for
/// uid 0 (in somebody else's container also for the owner of stead-init).
///
/// What a message is. Requests below 0x100 come from clients, 0x100.. are PID 1's answers, 0x200..
/// run between PID 1 and its keeper, 0x300.. are files in this format (the keeper's configuration).
enum class Kind : std::uint16_t {
    /// From a keeper: it has a watchdog of the service manager's to feed, and PID 1's main loop
    /// answers with Notify.
    Ping = 1,
    /// Every unit, or with Tag::Name one; answered by Unit..., End.
    Status = 2,
    /// Start to Reload: Tag::Name. End comes when the unit has settled (Unit precedes it), or at
    /// once with Tag::Flags kNoWait.
    Start = 3,
    Stop = 4,
    Restart = 5,
    Reload = 6,
    /// Tag::Signal to Tag::Name, Tag::Whom: 0 every process (default), 1 the main one.
    Kill = 7,
    /// Answers Unit at every change of Tag::Name (all without it) until the client closes; End when
    /// settled with Tag::Flags bit kUntilSettled.
    Wait = 8,
    /// A transient unit: Tag::Argv..., Tag::Environment..., Tag::Directory, Tag::Uid, Tag::Gid,
    /// Tag::Group..., Tag::Flags; descriptors 0, 1, 2 ride along unless kTerminal asks for a pty
    /// (its master rides on Started). Tag::Name: the unit whose identity and limits it takes
    /// (default: the guest's first unit in a jail, else uid 0 under the guest's limits); Tag::Uid,
    /// Tag::Gid, Tag::Group replace that unit's. Answered by Started, Ended, End; where no program
    /// came to run by End alone, with Tag::Code 125, 126 or 127, Tag::ReasonStage and
    /// Tag::ReasonError. Closing the connection ends the transient unit.
    Exec = 9,
    /// A signal for the transient unit of this connection: Tag::Signal. Its window's size is set on
    /// the terminal that came with Started.
    ExecControl = 10,
    /// Lines of Tag::Name (all without it): Tag::Count, Tag::Flags kFollow, Tag::Since. The read
    /// end of a pipe comes back, as descriptor of End.
    Logs = 11,
    /// Tag::End, an EndKind.
    Shutdown = 12,
    /// Host only: makes this connection the keeper's channel. Answered by the same kind with PID
    /// 1's pidfd as descriptor; pipes and ring follow.
    AttachKeeper = 13,
    /// A new plan of the guest's units rides along, as sealed memfd: swapped for the old one whole
    /// or not at all. With Tag::Flags kAddUnit its only unit comes to those that are there, starts,
    /// and goes when it is down; End as for Start.
    ReloadUnits = 14,
    /// On the host's listener (in somebody else's container: root's): PID 1 executes the program
    /// whose descriptor rides along, after a self-test of it. End comes from the new program, or
    /// from the old one when the new one failed.
    Upgrade = 15,

    /// One unit's state: Name, State, ReasonKind (with ReasonStage, ReasonRole, ReasonError,
    /// ReasonUnit, ExitKind, ExitValue where they mean something), Pid, Since, Now, Restarts,
    /// NextAttempt (only in back-off), Type, StatusText, Description, Source, Flags (kEssential,
    /// kEnabled), Moments, Dependency: an array of model's Dependency, whose targets count the Unit
    /// records of a whole Status answer.
    Unit = 0x100,
    /// The answer is complete: Tag::Code (0, 1, 2, 5, 124 of the command's exit codes), Tag::Text.
    End = 0x101,
    /// The transient unit runs: Tag::Pid.
    Started = 0x102,
    /// The transient unit ended: Tag::ExitKind, Tag::Code.
    Ended = 0x103,
    /// A guest-wide record that precedes the units of a Status answer: Name, State (a GuestState),
    /// Now, BootTime, Since (when it was up for the first time), Version, Count (units), Notice...,
    /// Dropped (bytes of log lost while no keeper was there), LogCounts. Left-out units appear as
    /// Notice.
    Guest = 0x104,

    /// PID 1 -> keeper: a unit's pipe (one descriptor): Tag::Name, Tag::Stream (1, 2),
    /// Tag::LogSize, Tag::LogKeep, Tag::Flags. With Tag::Stream 3 the socket /dev/log.
    LogPipe = 0x200,
    /// PID 1 -> keeper: lines collected while nobody was connected: Tag::Name, Tag::Stream,
    /// Tag::Text. With Tag::Stream 3 one syslog message.
    LogText = 0x201,
    /// PID 1 -> keeper: one line of PID 1's own for the console and the guest's log: Tag::Priority,
    /// Tag::Text.
    Say = 0x202,
    /// PID 1 -> keeper: readiness of the whole guest, in sd_notify words: Tag::Text.
    Notify = 0x203,
    /// PID 1 -> keeper, its last message: Tag::End, Tag::Code.
    GuestEnd = 0x204,
    /// PID 1 -> keeper: a Logs request, with the write end of the client's pipe as descriptor.
    LogQuery = 0x205,
    /// Keeper -> PID 1: orderly stop, as the signal would.
    StopGuest = 0x206,
    /// PID 1 -> keeper: how many bytes were dropped from the ring: Tag::Count.
    LogLost = 0x207,
    /// Launcher -> PID 1: the host's record of the guest is written. Until then PID 1 ends with its
    /// launcher, because nobody could find it.
    Committed = 0x208,
    /// Keeper -> PID 1, when they have changed: Tag::LogCounts.
    LogCounts = 0x209,
    /// PID 1 -> keeper: Tag::Name has failed, and is not started again.
    UnitFailed = 0x20a,

    KeeperConfig = 0x300
};

enum class Tag : std::uint16_t {
    Name = 1,
    Text = 2,
    Code = 3,
    State = 4,
    ReasonKind = 5,
    ReasonStage = 6,
    ReasonRole = 7,
    ReasonError = 8,
    ReasonUnit = 9,
    ExitKind = 10,
    ExitValue = 11,
    Pid = 12,
    /// Nanoseconds of CLOCK_MONOTONIC; Now lets a reader turn it into "3 s ago".
    Since = 13,
    Now = 14,
    Restarts = 15,
    Flags = 16,
    Description = 17,
    StatusText = 18,
    Source = 19,
    Argv = 20,
    Environment = 21,
    Directory = 22,
    Uid = 23,
    Gid = 24,
    Group = 25,
    Signal = 26,
    Whom = 27,
    Rows = 28,
    Columns = 29,
    Count = 30,
    Stream = 31,
    LogSize = 32,
    LogKeep = 33,
    Priority = 34,
    End = 35,
    Type = 36,
    NextAttempt = 37,
    Dependency = 38,
    Terminal = 39,
    BootTime = 40,
    Notice = 41,
    Path = 42,
    Timeout = 43,
    Value = 44,
    Dropped = 45,
    /// Three numbers in one field: when the unit's first start began, was up, and was over
    /// (engine::Moment), on the clock of Since; 0: not yet.
    Moments = 46,
    /// Of the program that answers.
    Version = 47,
    /// A struct LogCounts.
    LogCounts = 48,
    /// Milliseconds.
    Watchdog = 49
};

/// What a guest's keeper could not write, or would not, since it began.
struct LogCounts {
    /// Lines that found no room on the disk, and the last reason (errno).
    std::int64_t lost = 0;
    std::int64_t problem = 0;
    /// Datagrams to /dev/log that were no message: too long, empty, or with descriptors.
    std::int64_t refused = 0;
    /// Messages there beyond what one sender may say in a second.
    std::int64_t flooded = 0;
    /// Old files that were removed to keep the guest's logs within their bound.
    std::int64_t removed = 0;
};

/// Tag::State of a Guest record.
enum class GuestState : std::uint8_t { Starting = 0, Up = 1, Stopping = 2 };

/// Tag::Flags of a Unit record.
inline constexpr std::uint32_t kEssential = 1;
inline constexpr std::uint32_t kEnabled = 2;
/// Its file is gone, or it never had one: it is there until it is down.
inline constexpr std::uint32_t kGhost = 4;
/// It runs as its file said before a reload, until its next start.
inline constexpr std::uint32_t kChanged = 8;
/// It is not started by the boot, but by what arrives at its sockets.
inline constexpr std::uint32_t kAwaitsArrival = 16;

inline constexpr std::uint32_t kTerminal = 1;
inline constexpr std::uint32_t kFollow = 1;
inline constexpr std::uint32_t kUntilSettled = 1;
inline constexpr std::uint32_t kNoWait = 2;
inline constexpr std::uint32_t kAddUnit = 8;

struct Header {
    std::uint32_t magic = kMagic;
    std::uint16_t version = kVersion;
    Kind kind = Kind::Ping;
    /// Bytes after this header.
    std::uint32_t size = 0;
    std::uint32_t reserved = 0;
};

static_assert(sizeof(Header) == 16);

/// Builds a message in memory of the caller. What does not fit sets `overflowed` and is left out
/// whole.
class Writer {
public:
    Writer(std::span<std::byte> buffer, Kind kind);

    Writer& text(Tag tag, std::string_view value);
    Writer& number(Tag tag, std::int64_t value);

    [[nodiscard]] bool overflowed() const { return overflowed_; }

    /// The finished record; valid as long as the buffer.
    [[nodiscard]] std::span<const std::byte> bytes();

private:
    std::byte* reserve(Tag tag, std::size_t size);

    std::span<std::byte> buffer_;
    std::size_t used_ = sizeof(Header);
    bool overflowed_ = false;
};

struct Field {
    Tag tag{};
    std::span<const std::byte> bytes;

    /// The field as text; NUL bytes included, if the sender put some in.
    [[nodiscard]] std::string_view text() const;
    /// The field as a number; nothing unless it is exactly 8 bytes long.
    [[nodiscard]] std::optional<std::int64_t> number() const;
};

/// How long the message is that `record` begins with, by its own word; 0: none.
std::size_t message_size(std::span<const std::byte> record);

/// Reads a message of the other side. Copies nothing: the record must outlive it.
class Reader {
public:
    /// Nothing if the record is no message of this version, or its lengths do not add up.
    static std::optional<Reader> open(std::span<const std::byte> record);

    [[nodiscard]] Kind kind() const { return kind_; }

    /// The next field; nothing at the end.
    std::optional<Field> next();
    /// The first field with `tag`, wherever `next` stands.
    [[nodiscard]] std::optional<Field> find(Tag tag) const;
    [[nodiscard]] std::string_view text(Tag tag) const;
    [[nodiscard]] std::int64_t number(Tag tag, std::int64_t otherwise = 0) const;

private:
    explicit Reader(std::span<const std::byte> fields, Kind kind)
        : fields_(fields)
        , kind_(kind) {}

    std::span<const std::byte> fields_;
    std::size_t at_ = 0;
    Kind kind_;
};

} // namespace stead::wire
