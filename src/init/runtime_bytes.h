#pragma once

#include <cstddef>

/// What a C library's <string.h> does, in the fewest bytes: for the program that is linked without
/// one. On x86-64 the processor's own string instructions are as fast as any loop.
namespace stead::runtime {

inline void copy_up(void* to, const void* from, std::size_t size) {
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

/// From the last byte down, for a place that overlaps the source's end.
inline void copy_down(void* to, const void* from, std::size_t size) {
    auto* last = static_cast<char*>(to) + size - 1;
    const auto* source = static_cast<const char*>(from) + size - 1;
    asm volatile("std\n\trep movsb\n\tcld" : "+D"(last), "+S"(source), "+c"(size) : : "memory");
}

inline void move(void* to, const void* from, std::size_t size) {
    // Below the source the difference wraps around.
    const auto ahead = reinterpret_cast<std::size_t>(to) - reinterpret_cast<std::size_t>(from);
    if (ahead >= size) {
        copy_up(to, from, size);
    } else {
        copy_down(to, from, size);
    }
}

inline void fill(void* to, int byte, std::size_t size) {
    asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
}

inline int compare(const void* a, const void* b, std::size_t size) {
    const auto* left = static_cast<const unsigned char*>(a);
    const auto* right = static_cast<const unsigned char*>(b);
    for (std::size_t i = 0; i < size; ++i) {
        if (left[i] != right[i]) return left[i] - right[i];
    }
    return 0;
}

/// Where `byte` stands in `size` bytes of `text`; `size`: nowhere.
inline std::size_t find(const void* text, int byte, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(text);
    std::size_t at = 0;
    while (at < size && bytes[at] != static_cast<unsigned char>(byte))
        ++at;
    return at;
}

/// Compares until the end of either, `size` bytes at most.
inline int compare_text(const char* a, const char* b, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        const auto left = static_cast<unsigned char>(a[i]);
        const auto right = static_cast<unsigned char>(b[i]);
        if (left != right || left == 0) return left - right;
    }
    return 0;
}

} // namespace stead::runtime
