#pragma once

#include <cstddef>
#include <span>

#include "init/supervisor.h"

/// Output of services while no keeper reads it: records {unit, stream, size, bytes} in one stretch
/// of memory that is mapped at the first line and given back when it has been handed over. The
/// oldest records make room; their bytes are counted.
namespace stead::init {

void ring_append(Ring& ring, UnitId unit, bool error_stream, std::span<const std::byte> bytes);

struct RingRecord {
    UnitId unit = kNoUnit;
    bool error_stream = false;
    /// Valid until the next append.
    std::span<const std::byte> bytes;
};

/// The oldest record; nothing when the ring is empty.
std::optional<RingRecord> ring_front(const Ring& ring);
void ring_pop(Ring& ring);
/// Gives an empty ring's memory back.
void ring_release(Ring& ring);

} // namespace stead::init
