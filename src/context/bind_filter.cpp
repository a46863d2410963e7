#include "context/bind_filter.h"

#include <linux/bpf.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace stead::context {

namespace {

using sys::BpfInstruction;
using Words = std::array<std::uint32_t, 4>;

// Where the program keeps the fields it compares.
constexpr unsigned kVerdict = 0;
constexpr unsigned kContext = 1;
constexpr unsigned kProtocol = 2;
constexpr unsigned kPort = 3;
constexpr unsigned kFirstWord = 4;

BpfInstruction
instruction(unsigned code, unsigned to, unsigned from, int offset, std::uint32_t value) {
    bpf_insn one{};
    one.code = static_cast<std::uint8_t>(code);
    one.dst_reg = static_cast<std::uint8_t>(to & 15U);
    one.src_reg = static_cast<std::uint8_t>(from & 15U);
    one.off = static_cast<std::int16_t>(offset);
    one.imm = std::bit_cast<std::int32_t>(value);
    return std::bit_cast<BpfInstruction>(one);
}

BpfInstruction load_field(unsigned to, std::size_t offset) {
    return instruction(BPF_LDX | BPF_MEM | BPF_W, to, kContext, static_cast<int>(offset), 0);
}

BpfInstruction jump_unless_equal(unsigned left, std::uint32_t value, std::size_t distance) {
    return instruction(BPF_JMP32 | BPF_JNE | BPF_K, left, 0, static_cast<int>(distance), value);
}

void end_with(std::vector<BpfInstruction>& program, std::uint32_t verdict) {
    program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, kVerdict, 0, 0, verdict));
    program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/// The address in words as the kernel shows them to the program: the bytes of the network.
Words words_of(const std::uint8_t* address, std::size_t size) {
    Words words{};
    std::memcpy(words.data(), address, size);
    return words;
}

bool is_any(const recipe::Listen& listen) {
    const Words words = words_of(listen.address, listen.v6 ? 16 : 4);
    return words == Words{};
}

/// One entry: every comparison that fails jumps behind it, else the bind passes.
void allow(std::vector<BpfInstruction>& program,
           const recipe::Listen& listen,
           const Words& address,
           std::size_t compared_from,
           std::size_t compared_to) {
    // Behind the comparisons still to come and the two instructions of the verdict.
    std::size_t distance = 2 + (compared_to - compared_from) + 1;
    const bool tcp = listen.protocol == recipe::Listen::Protocol::Tcp;
    program.push_back(jump_unless_equal(kProtocol, tcp ? IPPROTO_TCP : IPPROTO_UDP, distance--));
    program.push_back(jump_unless_equal(kPort, htons(listen.port), distance--));
    for (std::size_t word = compared_from; word < compared_to; ++word) {
        const auto field = static_cast<unsigned>(kFirstWord + word);
        program.push_back(jump_unless_equal(field, address[word], distance--));
    }
    end_with(program, 1);
}

void allow_v4(std::vector<BpfInstruction>& program, const recipe::Listen& listen) {
    if (listen.v6) return;
    allow(program, listen, words_of(listen.address, 4), 0, is_any(listen) ? 0 : 1);
}

void allow_v6(std::vector<BpfInstruction>& program, const recipe::Listen& listen) {
    if (listen.v6) {
        allow(program, listen, words_of(listen.address, 16), 0, is_any(listen) ? 0 : 4);
        return;
    }
    const Words mapped{0, 0, htonl(0xffff), words_of(listen.address, 4)[0]};
    allow(program, listen, mapped, 0, is_any(listen) ? 3 : 4);
}

Result<void> attach_one(const recipe::Network& network, int cgroup, bool v6) {
    const auto program = bind_program(network, v6);
    const unsigned type = v6 ? BPF_CGROUP_INET6_BIND : BPF_CGROUP_INET4_BIND;
    const auto loaded = TRY(sys::load_bpf(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, type, program));
    return sys::attach_bpf(cgroup, loaded.get(), type);
}

} // namespace

std::vector<BpfInstruction> bind_program(const recipe::Network& network, bool v6) {
    std::vector<BpfInstruction> program;
    program.push_back(load_field(kProtocol, offsetof(bpf_sock_addr, protocol)));
    program.push_back(load_field(kPort, offsetof(bpf_sock_addr, user_port)));
    const std::size_t base =
        v6 ? offsetof(bpf_sock_addr, user_ip6) : offsetof(bpf_sock_addr, user_ip4);
    for (std::size_t word = 0; word < (v6 ? 4U : 1U); ++word) {
        program.push_back(load_field(static_cast<unsigned>(kFirstWord + word), base + 4 * word));
    }
    for (const recipe::Listen& listen : network.listen) {
        if (v6) {
            allow_v6(program, listen);
        } else {
            allow_v4(program, listen);
        }
    }
    end_with(program, 0);
    return program;
}

Result<void> restrict_bind(const recipe::Network& network, int cgroup) {
    TRY(attach_one(network, cgroup, /*v6=*/false));
    return attach_one(network, cgroup, /*v6=*/true);
}

} // namespace stead::context
