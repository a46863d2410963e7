#include <algorithm>
#include <cstring>

#include "engine/core.h"

/// Events as transactions; Core's header tells how, next to Journal.
namespace stead::engine {

namespace {

/// Stores before it stay before stores after it. One thread and its own signal handlers see the
/// order of the program, so the compiler is all that has to be told.
void order_stores() {
    asm volatile("" ::: "memory");
}

/// Of one record at `offset`; records are a multiple of 8 bytes long.
std::uint64_t hash_of(const std::byte* bytes, std::size_t size, std::size_t offset) {
    std::uint64_t hash = offset + 0x9e3779b97f4a7c15U;
    for (std::size_t at = 0; at < size; at += sizeof hash) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes + at, sizeof word);
        hash = (hash ^ word) * 0xff51afd7ed558ccdU;
        hash ^= hash >> 32U;
    }
    return hash;
}

static_assert(sizeof(GuestRuntime) % 8 == 0 && sizeof(UnitRuntime) % 8 == 0);

} // namespace

std::uint64_t Core::sum_all() const {
    const auto* base = reinterpret_cast<const std::byte*>(guest_);
    std::uint64_t sum = hash_of(base, sizeof(GuestRuntime), 0);
    for (std::size_t id = 0; id < size(); ++id) {
        const auto* at = reinterpret_cast<const std::byte*>(units_ + id);
        sum += hash_of(at, sizeof(UnitRuntime), static_cast<std::size_t>(at - base));
    }
    return sum;
}

void Core::seal() {
    journal_->sums[(journal_->phase & kJournalIndex) != 0 ? 1 : 0] = sum_all();
}

void Core::save(const void* range, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(range);
    const auto* base = reinterpret_cast<const std::byte*>(guest_);
    const auto tables = static_cast<std::size_t>(reinterpret_cast<std::byte*>(touched_) - base);
    // Holds for every event there is; a mistake of ours must not leave the memory.
    if (journal_->used + size > tables + std::size_t{2} * this->size() * sizeof(SavedRange)) return;
    std::byte* at = saved() + journal_->used;
    std::memcpy(at, bytes, size);
    const SavedRange about{static_cast<std::uint32_t>(bytes - base),
                           static_cast<std::uint32_t>(size)};
    std::memcpy(at + size, &about, sizeof about);
    order_stores();
    journal_->used += static_cast<std::uint32_t>(size + sizeof about);
    order_stores();
}

UnitRuntime& Core::unit(UnitId id) {
    std::uint32_t& word = touched_[id / 32];
    const std::uint32_t bit = 1U << id % 32;
    if ((word & bit) == 0 && (journal_->phase & kJournalOpen) != 0) {
        save(units_ + id, sizeof(UnitRuntime));
        word |= bit;
    }
    return units_[id];
}

void Core::begin() {
    journal_->used = 0;
    order_stores();
    journal_->phase |= kJournalOpen;
    order_stores();
    save(guest_, sizeof(GuestRuntime));
}

void Core::commit() {
    auto* base = reinterpret_cast<std::byte*>(guest_);
    const auto* stamps = reinterpret_cast<const std::byte*>(stamps_);
    const bool second = (journal_->phase & kJournalIndex) != 0;
    std::uint64_t sum = journal_->sums[second ? 1 : 0];
    const auto each = [&](auto&& function) {
        for (std::uint32_t end = journal_->used; end != 0;) {
            SavedRange about;
            std::memcpy(&about, saved() + end - sizeof about, sizeof about);
            end -= static_cast<std::uint32_t>(sizeof about + about.size);
            function(about, saved() + end);
        }
    };
    each([&](const SavedRange& about, const std::byte* was) {
        if (base + about.offset >= stamps) return; // They are not summed up.
        sum += hash_of(base + about.offset, about.size, about.offset) -
               hash_of(was, about.size, about.offset);
    });
    journal_->sums[second ? 0 : 1] = sum;
    order_stores();
    journal_->phase = second ? 0 : kJournalIndex;
    order_stores();
    std::fill_n(touched_, (size() + 31) / 32, 0U);
}

bool Core::repair() {
    auto* base = reinterpret_cast<std::byte*>(guest_);
    const auto room = static_cast<std::uint32_t>(reinterpret_cast<std::byte*>(journal_) - base);
    if ((journal_->phase & kJournalOpen) != 0) {
        // Backwards, so that the oldest copy of a range is put back last.
        for (std::uint32_t end = journal_->used; end != 0;) {
            SavedRange about;
            if (end < sizeof about || end > 2 * room) return false;
            std::memcpy(&about, saved() + end - sizeof about, sizeof about);
            end -= static_cast<std::uint32_t>(sizeof about);
            if (about.size > end || about.offset > room || about.size > room - about.offset)
                return false;
            end -= about.size;
            std::memcpy(base + about.offset, saved() + end, about.size);
        }
        order_stores();
        journal_->phase &= ~kJournalOpen;
    }
    if (sum_all() != journal_->sums[(journal_->phase & kJournalIndex) != 0 ? 1 : 0]) return false;
    std::fill_n(touched_, (size() + 31) / 32, 0U);
    // The heap is not saved: the deadlines say all that it does.
    begin();
    rebuild_heap();
    commit();
    return true;
}

void Core::rebuild_heap() {
    guest_->heap_size = 0;
    for (UnitId id = 0; id < size(); ++id)
        unit(id).heap_index = kNoIndex;
    for (UnitId id = 0; id < size(); ++id)
        update_heap(id);
}

void Core::tell(const Event& event, Instant at) {
    journal_->event = event;
    journal_->at = at;
    order_stores();
    ++journal_->told;
    order_stores();
}

} // namespace stead::engine
