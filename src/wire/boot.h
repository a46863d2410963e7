#pragma once

/// What a launcher hands to stead-init, and `stead` hands to the keeper, by descriptor number. A
/// number that is not open was not given. argv is {"stead-init", "--boot"} and {"stead-init",
/// "--keep", "NAME"}: the options carry no data.
namespace stead::wire {

enum BootDescriptor : int {
    /// Sealed memfd: the launcher's plan, with a guest record.
    kBootPlan = 3,
    /// Listening SOCK_SEQPACKET sockets: the host's and the guest's own.
    kBootHostControl = 4,
    kBootGuestControl = 5,
    /// PID 1's end of the channel to the keeper (SOCK_SEQPACKET).
    kBootKeeper = 6,
    /// Root of a detached cgroup2 mount that shows only the guest's own subtree. PID 1 itself sits
    /// in its child `init`.
    kBootCgroup = 7,
    /// O_PATH descriptor of `stead`, for the loader.
    kBootLoader = 8,
    /// Datagram socket bound to /run/stead/notify. Without it PID 1 binds one itself, which needs a
    /// writable /run/stead.
    kBootNotify = 9,
    /// Datagram socket bound to the guest's /dev/log. PID 1 only keeps it for the keeper.
    kBootSyslog = 10,
    kBootDescriptors = 11
    /// From here on, one after the other: what the host's service manager has opened for the guest.
    /// LISTEN_FDNAMES of PID 1's environment has a name for each, between colons.
};

enum KeeperDescriptor : int {
    /// Memfd with one wire message, Kind::KeeperConfig.
    kKeeperConfig = 3,
    /// The keeper's end of the channel to PID 1.
    kKeeperChannel = 4,
    /// pidfd of PID 1.
    kKeeperPidfd = 5,
    /// O_PATH descriptor of `stead`, for cleaning up and compressing.
    kKeeperStead = 6,
    /// Folder of the guest's log files (one folder per unit).
    kKeeperLogs = 7,
    /// A foreground jail's pipes: write end of its input, read ends of its output and error; or one
    /// pty master.
    kKeeperInput = 8,
    kKeeperOutput = 9,
    kKeeperError = 10,
    kKeeperTerminal = 11,
    /// The guest's lock, held as long as the keeper lives.
    kKeeperLock = 12,
    /// Folder of the guest's cgroup: by it the senders of syslog messages are found.
    kKeeperCgroup = 13,
    /// Datagram socket of the host's journal; Tag::Text of the configuration is what to send there.
    kKeeperJournal = 14,
    kKeeperDescriptors = 15
};

/// Where in the memfd kKeeperConfig a second message of that kind stands, if any: what to remove
/// when the guest has ended, in this order. Tag::Path is a file, Tag::Directory an empty folder,
/// Tag::Name a folder that stays if it is not empty.
inline constexpr unsigned kKeeperRemains = 512;

/// Tag::Flags of KeeperConfig.
inline constexpr unsigned kKeeperForeground =
    1; // print lines, relay signals, return the guest's exit code
inline constexpr unsigned kKeeperPrefix = 2; // "unit: line" in the foreground
inline constexpr unsigned kKeeperTimestamp = 4;
inline constexpr unsigned kKeeperEpilogue = 8; // `stead ended` has the last word, see keep.h
inline constexpr unsigned kKeeperMute = 16;    // nobody is told what the guest says of itself

/// `stead log-tidy` ends with this code and the number of files it has removed, at most kTidiedMost
/// of them at a time.
inline constexpr int kTidied = 100;
inline constexpr int kTidiedMost = 100;

} // namespace stead::wire
