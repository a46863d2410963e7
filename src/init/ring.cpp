#include "init/ring.h"

#include <algorithm>
#include <cstring>

#include "sys/memory.h"

namespace stead::init {

namespace {

struct RecordHeader {
    std::uint32_t size = 0;
    UnitId unit = 0;
    std::uint16_t error_stream = 0;
};

/// No record is longer, so that each fits one message to the keeper.
constexpr std::size_t kMaxRecord = std::size_t{16} << 10U;

constexpr std::size_t padded(std::size_t size) {
    return (size + 7) & ~std::size_t{7};
}

RecordHeader header_at(const Ring& ring) {
    RecordHeader header;
    std::memcpy(&header, ring.memory.data() + ring.head, sizeof header);
    return header;
}

/// Records never wrap: one that does not fit before the end starts again at the beginning, and a
/// header of size 0 with unit kNoUnit fills the gap.
void skip_gap(Ring& ring) {
    const std::size_t to_end = ring.memory.size() - ring.head;
    if (ring.used == 0) return;
    if (to_end >= sizeof(RecordHeader) && header_at(ring).unit != kNoUnit) return;
    ring.used -= to_end;
    ring.head = 0;
}

void drop_oldest(Ring& ring) {
    ring.dropped += header_at(ring).size;
    ring_pop(ring);
}

/// Makes room for `size` bytes in one piece and returns where.
std::size_t reserve(Ring& ring, std::size_t size) {
    while (true) {
        if (ring.used == 0) ring.head = 0;
        const std::size_t tail = (ring.head + ring.used) % ring.memory.size();
        const std::size_t to_end = ring.memory.size() - tail;
        const std::size_t gap = size > to_end ? to_end : 0;
        if (ring.used + gap + size <= ring.memory.size()) {
            if (gap >= sizeof(RecordHeader)) {
                const RecordHeader filler{.unit = kNoUnit};
                std::memcpy(ring.memory.data() + tail, &filler, sizeof filler);
            }
            ring.used += gap + size;
            return gap != 0 ? 0 : tail;
        }
        drop_oldest(ring);
    }
}

void append_record(Ring& ring, const RecordHeader& header, const std::byte* bytes) {
    const std::size_t at = reserve(ring, padded(sizeof header + header.size));
    std::memcpy(ring.memory.data() + at, &header, sizeof header);
    std::memcpy(ring.memory.data() + at + sizeof header, bytes, header.size);
}

} // namespace

void ring_append(Ring& ring, UnitId unit, bool error_stream, std::span<const std::byte> bytes) {
    if (ring.memory.empty()) {
        const auto memory = sys::map_memory(kRingSize);
        if (!memory) {
            ring.dropped += bytes.size();
            return;
        }
        ring.memory = *memory;
    }
    while (!bytes.empty()) {
        const std::size_t size = std::min(bytes.size(), kMaxRecord);
        const RecordHeader header{static_cast<std::uint32_t>(size), unit,
                                  static_cast<std::uint16_t>(error_stream ? 1 : 0)};
        append_record(ring, header, bytes.data());
        bytes = bytes.subspan(size);
    }
}

std::optional<RingRecord> ring_front(const Ring& ring) {
    if (ring.used == 0) return std::nullopt;
    const RecordHeader header = header_at(ring);
    return RingRecord{header.unit, header.error_stream != 0,
                      ring.memory.subspan(ring.head + sizeof header, header.size)};
}

void ring_pop(Ring& ring) {
    if (ring.used == 0) return;
    const std::size_t size = padded(sizeof(RecordHeader) + header_at(ring).size);
    ring.head = (ring.head + size) % ring.memory.size();
    ring.used -= size;
    skip_gap(ring);
}

void ring_release(Ring& ring) {
    if (ring.used != 0) return;
    // Where it cannot be given back, it waits for the next lines.
    (void)sys::give_back(ring.memory);
    ring.head = 0;
}

} // namespace stead::init
