#include "context/bind_filter.h"

#include <linux/bpf.h>

#include <array>
#include <cstddef>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "sys/bpf.h"

namespace stead::context {

namespace {

using sys::BpfInstruction;
using Words = std::array<std::uint32_t, 4>;

// Where the program keeps the fields it compares.
constexpr unsigned kProtocol = 2;
constexpr unsigned kPort = 3;
constexpr unsigned kFirstWord = 4;

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
    program.push_back(
        sys::bpf_jump_unless_equal(kProtocol, tcp ? IPPROTO_TCP : IPPROTO_UDP, distance--));
    program.push_back(sys::bpf_jump_unless_equal(kPort, htons(listen.port), distance--));
    for (std::size_t word = compared_from; word < compared_to; ++word) {
        const auto field = static_cast<unsigned>(kFirstWord + word);
        program.push_back(sys::bpf_jump_unless_equal(field, address[word], distance--));
    }
    sys::bpf_end_with(program, 1);
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
    program.push_back(sys::bpf_load_field(kProtocol, offsetof(bpf_sock_addr, protocol)));
    program.push_back(sys::bpf_load_field(kPort, offsetof(bpf_sock_addr, user_port)));
    const std::size_t base =
        v6 ? offsetof(bpf_sock_addr, user_ip6) : offsetof(bpf_sock_addr, user_ip4);
    for (std::size_t word = 0; word < (v6 ? 4U : 1U); ++word) {
        program.push_back(
            sys::bpf_load_field(static_cast<unsigned>(kFirstWord + word), base + 4 * word));
    }
    for (const recipe::Listen& listen : network.listen) {
        if (v6) {
            allow_v6(program, listen);
        } else {
            allow_v4(program, listen);
        }
    }
    sys::bpf_end_with(program, 0);
    return program;
}

Result<void> restrict_bind(const recipe::Network& network, int cgroup) {
    TRY(attach_one(network, cgroup, /*v6=*/false));
    return attach_one(network, cgroup, /*v6=*/true);
}

} // namespace stead::context
