#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstring>

/// Addresses of a plan, which stand in it where the bytes before them end.
namespace stead::init {

/// `address` holds at least a family.
inline sa_family_t family_of(const std::byte* address) {
    sa_family_t family;
    std::memcpy(&family, address, sizeof family);
    return family;
}

/// For calls of the kernel, which copies it.
inline const sockaddr* for_kernel(const std::byte* address) {
    return reinterpret_cast<const sockaddr*>(address);
}

} // namespace stead::init
