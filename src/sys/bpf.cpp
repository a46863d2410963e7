#include "sys/bpf.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace stead::sys {

namespace {

static_assert(sizeof(bpf_insn) == sizeof(BpfInstruction));

std::uint64_t address_of(const void* thing) {
    return reinterpret_cast<std::uintptr_t>(thing);
}

} // namespace

Result<UniqueFd>
load_bpf(unsigned type, unsigned attach_type, std::span<const BpfInstruction> instructions) {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes); // the kernel refuses bits it does not know
    attributes.prog_type = type;
    attributes.expected_attach_type = attach_type;
    attributes.insns = address_of(instructions.data());
    attributes.insn_cnt = static_cast<std::uint32_t>(instructions.size());
    attributes.license = address_of("GPL");
    const auto fd =
        static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
    if (fd < 0) return last_error("BPF_PROG_LOAD");
    return UniqueFd(fd);
}

Result<void> attach_bpf(int cgroup, int program, unsigned attach_type) {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = static_cast<std::uint32_t>(cgroup);
    attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
    attributes.attach_type = attach_type;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    if (::syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes) < 0) {
        return last_error("BPF_PROG_ATTACH");
    }
    return {};
}

} // namespace stead::sys
