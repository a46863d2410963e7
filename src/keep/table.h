#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace stead::keep {

/// Room for `Capacity` values, none of which touches its memory before it is made: the pages of an
/// unused slot cost nothing, and no heap is needed. An index stays valid until its value is
/// removed; the lowest free one is used first, so that few pages are ever touched. The slots
/// themselves are the owner's (`Memory`), so that it can lay large things out apart from small
/// ones.
template <typename T, std::size_t Capacity>
class Table {
private:
    struct alignas(T) Slot {
        std::byte bytes[sizeof(T)];
    };

public:
    struct Memory {
        std::array<Slot, Capacity> slots;
    };

    explicit Table(Memory& memory)
        : slots_(memory.slots) {}

    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;
    Table(Table&&) = delete;
    Table& operator=(Table&&) = delete;

    ~Table() {
        for (std::size_t index = 0; index < high_; ++index)
            remove(index);
    }

    /// The new value's index; Capacity if there is no room.
    std::size_t add(T value) {
        std::size_t index = 0;
        while (index < high_ && is_used(index))
            ++index;
        if (index == Capacity) return Capacity;
        if (index == high_) ++high_;
        used_[index / 64] |= std::uint64_t{1} << index % 64;
        ::new (static_cast<void*>(&slots_[index])) T(std::move(value));
        return index;
    }

    void remove(std::size_t index) {
        if (T* value = find(index)) {
            value->~T();
            used_[index / 64] &= ~(std::uint64_t{1} << index % 64);
        }
    }

    /// The value at `index`; null if there is none.
    [[nodiscard]] T* find(std::size_t index) {
        if (index >= high_ || !is_used(index)) return nullptr;
        return std::launder(reinterpret_cast<T*>(&slots_[index]));
    }

    /// One past the highest index ever used.
    [[nodiscard]] std::size_t high() const { return high_; }

    /// The first value for which `matches` is true; null if there is none.
    template <typename Predicate>
    [[nodiscard]] T* find_if(Predicate matches) {
        for (std::size_t index = 0; index < high_; ++index) {
            T* value = find(index);
            if (value != nullptr && matches(*value)) return value;
        }
        return nullptr;
    }

private:
    [[nodiscard]] bool is_used(std::size_t index) const {
        return (used_[index / 64] >> index % 64 & 1U) != 0;
    }

    std::size_t high_ = 0;
    std::array<std::uint64_t, (Capacity + 63) / 64> used_{};
    std::array<Slot, Capacity>& slots_;
};

} // namespace stead::keep
