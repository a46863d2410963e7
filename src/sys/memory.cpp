#include "sys/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

/// fcntl(2) of Linux: F_ADD_SEALS, F_GET_SEALS. Some C libraries name them only on demand.
constexpr int kAddSeals = 1024 + 9;
constexpr int kGetSeals = 1024 + 10;

/// madvise(2) of the whole pages of `memory`; false if the kernel refuses, as it does where pages
/// are larger.
bool advise(std::span<std::byte> memory, int advice) {
    constexpr std::uintptr_t kPage = 4096;
    const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
    const std::uintptr_t first = (begin + kPage - 1) / kPage * kPage;
    const std::uintptr_t last = (begin + memory.size()) / kPage * kPage;
    if (first >= last) return true;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): kPage arithmetic
    return ::madvise(reinterpret_cast<void*>(first), last - first, advice) == 0;
}

} // namespace

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

Result<UniqueFd> make_memory_file(const char* name) {
    const auto fd =
        static_cast<int>(::syscall(SYS_memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    return detail::owned(fd, "memfd_create");
}

Result<void> add_seals(int fd, int seals) {
    return detail::done(::fcntl(fd, kAddSeals, seals), "fcntl", "seals");
}

bool has_seals(int fd, int seals) {
    return (::fcntl(fd, kGetSeals) & seals) == seals;
}

Result<std::span<std::byte>> map_shared(int fd, std::size_t size) {
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return last_error("mmap");
    return std::span(static_cast<std::byte*>(at), size);
}

void keep_from_children(std::span<std::byte> memory) {
    (void)::madvise(memory.data(), memory.size(), MADV_DONTFORK);
}

bool give_back(std::span<std::byte> memory) {
    return advise(memory, MADV_REMOVE);
}

void forget(std::span<std::byte> memory) {
    (void)advise(memory, MADV_DONTNEED);
}

void forget_stack(std::size_t depth) {
#ifdef __x86_64__
    // What this call and its callee still use. Elsewhere pages may be so large that the kernel
    // would round up into it.
    constexpr std::size_t kOwn = 1024;
    auto* own = static_cast<std::byte*>(__builtin_frame_address(0)) - kOwn;
    forget({own - depth, depth});
#else
    (void)depth;
#endif
}

void unmap(std::span<const std::byte> memory) {
    if (!memory.empty()) ::munmap(const_cast<std::byte*>(memory.data()), memory.size());
}

} // namespace stead::sys
