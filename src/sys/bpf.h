#pragma once

#include <linux/bpf.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/unique_fd.h"

/// bpf(2), as far as programs of a cgroup need it.
namespace stead::sys {

/// One instruction, 8 bytes, as the kernel reads them.
using BpfInstruction = std::uint64_t;

/// Programs of a cgroup get what they judge in register 1 and leave their verdict, 1 to allow and 0
/// to refuse, in register 0.
inline constexpr unsigned kBpfVerdict = 0;
inline constexpr unsigned kBpfContext = 1;

constexpr BpfInstruction
bpf_instruction(unsigned code, unsigned to, unsigned from, int offset, std::uint32_t value) {
    bpf_insn one{};
    one.code = static_cast<std::uint8_t>(code);
    one.dst_reg = static_cast<std::uint8_t>(to & 15U);
    one.src_reg = static_cast<std::uint8_t>(from & 15U);
    one.off = static_cast<std::int16_t>(offset);
    one.imm = std::bit_cast<std::int32_t>(value);
    return std::bit_cast<BpfInstruction>(one);
}

/// A word of what is judged, `offset` bytes into it.
constexpr BpfInstruction bpf_load_field(unsigned to, std::size_t offset) {
    return bpf_instruction(BPF_LDX | BPF_MEM | BPF_W, to, kBpfContext, static_cast<int>(offset), 0);
}

/// Over `distance` instructions.
constexpr BpfInstruction
bpf_jump_unless_equal(unsigned left, std::uint32_t value, std::size_t distance) {
    return bpf_instruction(BPF_JMP32 | BPF_JNE | BPF_K, left, 0, static_cast<int>(distance), value);
}

/// Two instructions.
inline void bpf_end_with(std::vector<BpfInstruction>& program, std::uint32_t verdict) {
    program.push_back(bpf_instruction(BPF_ALU64 | BPF_MOV | BPF_K, kBpfVerdict, 0, 0, verdict));
    program.push_back(bpf_instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/// BPF_PROG_LOAD of a program without maps or helpers. `type` and `attach_type` are the kernel's
/// BPF_PROG_TYPE_ and BPF_CGROUP_ numbers; `name`, of 15 letters at most, is for bpf_code_of and
/// who lists programs (bpftool).
Result<UniqueFd> load_bpf(unsigned type,
                          unsigned attach_type,
                          std::span<const BpfInstruction> instructions,
                          const char* name = "");

/// BPF_PROG_ATTACH with BPF_F_ALLOW_MULTI: beside what hangs there already, for the folder and
/// everything below; in the place of `instead` if that is a program that hangs there. The program
/// lives as long as the cgroup.
Result<void> attach_bpf(int cgroup, int program, unsigned attach_type, int instead = -1);

/// BPF_PROG_QUERY: the ids of what hangs on this folder itself.
Result<std::vector<std::uint32_t>> bpf_programs_of(int cgroup, unsigned attach_type);
/// BPF_PROG_GET_FD_BY_ID.
Result<UniqueFd> open_bpf(std::uint32_t id);
/// BPF_OBJ_GET_INFO_BY_FD: the instructions of a program as the kernel runs them; none if its name
/// is not `name`, or the kernel hides them (net.core.bpf_jit_harden).
Result<std::vector<BpfInstruction>> bpf_code_of(int program, std::string_view name);

} // namespace stead::sys
