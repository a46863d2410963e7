#include "sys/memory.h"

#include <sys/mman.h>

namespace stead::sys {

Result<std::span<std::byte>> map_memory(std::size_t size) {
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return last_error("mmap");
    return std::span(static_cast<std::byte*>(at), size);
}

Result<std::span<const std::byte>> map_file(int fd, std::size_t size) {
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return last_error("mmap");
    return std::span<const std::byte>(static_cast<std::byte*>(at), size);
}

void unmap(std::span<const std::byte> memory) {
    if (!memory.empty()) ::munmap(const_cast<std::byte*>(memory.data()), memory.size());
}

} // namespace stead::sys
