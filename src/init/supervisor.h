#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/engine.h"
#include "init/state.h"
#include "init/unit_table.h"

/// stead-init: the event loop that joins engine, sys and spawn. It boots from a plan, obeys the
/// engine, and answers the control sockets; it parses no text, has one thread and one blocking
/// call, and allocates nothing once it runs. Everything it remembers is in state.h and in this
/// header, in memory that is mapped once and touched as needed.
namespace stead::init {

/// Pointers of one argv and one environment together.
inline constexpr std::size_t kMaxPointers = std::size_t{16} << 10U;
/// Text made for one child: NOTIFY_SOCKET and its like, or a transient unit's strings.
inline constexpr std::size_t kMaxChildText = wire::kMaxMessage + 4096;
/// Ended children, notify messages, accepted clients: what one turn of the loop takes of each.
inline constexpr int kPerTurn = 64;

/// Memory for one child or one message, used anew for each: nothing in it outlives a turn of the
/// loop. What nearly every use touches comes first, so that it shares a page.
struct Scratch {
    std::array<char, 512> short_text;
    std::array<char*, kMaxPointers> pointers;
    std::array<std::byte, wire::kMaxMessage> sent;
    std::array<char, kMaxChildText> text;
    std::array<DirectoryView, 64> directories;
    std::array<std::uint32_t, 256> groups;
    std::array<int, spawn::kMaxListened> listened;
    /// Where a crash is handled: room for the frames of all signals that others can make pending at
    /// the same time, 3 to 12 kB each.
    std::array<char, 131072> crash_stack;
};

/// What belongs to one execution of stead-init alone.
struct Locals {
    Scratch* scratch = nullptr;
    /// Of PID 1's state: what was read and not obeyed must not be lost.
    std::span<std::byte> received;
    std::span<Unit> units;
    std::span<Child> children;
    char** argv = nullptr;
    char** environment = nullptr;
    SlotFd epoll;
    SlotFd signals;
    SlotFd timer;
    /// Of CLOCK_REALTIME, once a calendar needs it.
    SlotFd wall_clock;
    /// Given up for a moment when descriptors run out.
    SlotFd reserve;
    std::optional<engine::Engine> engine;
    UnitTable table;
    Instant armed = Instant::never();
    /// In somebody else's container: what we write to took nothing, and nothing more is read.
    bool console_full = false;
    /// Memory that the next turn may not need has been given back since the last one that did
    /// something. True at first: the first turn waits for something to do, because the trial of a
    /// new version lasts until it has done that (upgrade.h).
    bool rested = true;
    /// What is in the mailbox had been told to the engine before we began.
    bool mail_told = false;
};

struct Supervisor : State, Locals {};

} // namespace stead::init
