#pragma once

#include <cstddef>
#include <cstdint>

/// The keeper: PID 1's parent on the host, linked into stead-init (`stead-init --keep NAME`). It
/// writes the units' log files, prints lines in the foreground, relays a jail's input and output,
/// turns Ctrl-C into an orderly stop, forwards readiness to the host's service manager, and at the
/// end reaps PID 1, runs `stead cleanup NAME` and leaves with the guest's exit code. It decides
/// nothing about units, parses no text and allocates no memory; its death stops no service.
namespace stead::keep {

/// Runs until the guest has ended; the return value is the process's exit code. Descriptors are
/// those of wire/boot.h. The configuration is descriptor kKeeperConfig, a memfd with one message
/// Kind::KeeperConfig at its start:
///
///   Tag::Name      the guest's name; required
///   Tag::Flags     kKeeperForeground | kKeeperPrefix | kKeeperTimestamp | kKeeperEpilogue |
///                  kKeeperMute; default 0
///   Tag::LogSize   bytes of one log file where a unit names none; default kDefaultLogSize
///   Tag::LogKeep   old files kept beside the current one where a unit names none; default
///                  kDefaultLogKeep. A unit never holds more than (keep + 1) * size bytes of disk
///   Tag::Text      a record of the host's journal, in which the byte 0 stands for its priority, 1
///                  for the unit and 2 for the text; needed with kKeeperJournal
///   Tag::Watchdog  milliseconds between two pings to PID 1, whose answers feed the watchdog of the
///                  service manager: none comes from a main loop that hangs; default 0, never
///   Tag::Timeout   milliseconds that `stead cleanup` may take; default kDefaultCleanupTimeout
///
/// and, at kKeeperRemains, the list of what a guest that ended in order leaves. What of it cannot
/// be removed at once is left to `stead cleanup NAME`; so is everything without a list. With
/// kKeeperEpilogue the keeper removes nothing: it becomes `stead ended NAME CODE [reboot]`, which
/// runs the host's hooks, notes how the guest ended and, after a reboot that was asked for, starts
/// it again.
///
/// NOTIFY_SOCKET of the environment, where set, receives the guest's readiness; with kKeeperMute
/// only signs of life.
///
/// `--keep --attach NAME` takes over a guest whose keeper died: kKeeperChannel is then a fresh
/// connection to PID 1's host control socket and kKeeperPidfd is not open. The keeper sends
/// Kind::AttachKeeper; PID 1 answers with the same kind and its own pidfd as descriptor, then
/// speaks on that connection what it would have spoken on the channel.
int run(int argc, char** argv);

inline constexpr std::uint64_t kDefaultLogSize = 1U << 20U;
inline constexpr std::uint32_t kDefaultLogKeep = 5;
inline constexpr std::int64_t kDefaultCleanupTimeout = 10'000;
/// The exit code after a reboot that was asked for (LXC and systemd-nspawn use the same).
inline constexpr int kRebootCode = 133;

} // namespace stead::keep
