#pragma once

#include <cstdint>

/// What a build with the sanitizers (preset `asan`) cannot have.
namespace stead {

/// A limit of a process's address space, of which the address sanitizer reserves terabytes: none
/// there.
constexpr std::uint64_t space_limit(std::uint64_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    return bytes | ~std::uint64_t{0};
#else
    return bytes;
#endif
}

} // namespace stead
