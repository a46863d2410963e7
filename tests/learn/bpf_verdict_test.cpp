#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>

#include <bit>
#include <cerrno>

#include <gtest/gtest.h>

#include "compile/filter.h"
#include "learn/bpf_verdict.h"

namespace stead::learn {
namespace {

FilterInput call(std::string_view name, std::array<std::uint64_t, 6> arguments = {}) {
    FilterInput input;
    input.number = static_cast<std::uint32_t>(*compile::find_call(name));
#if defined(__x86_64__)
    input.architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    input.architecture = AUDIT_ARCH_AARCH64;
#endif
    input.arguments = arguments;
    return input;
}

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;

std::uint32_t refusal(int code) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code);
}

TEST(BpfVerdict, AnswersAsTheKernelWouldForAJailsFilter) {
    const auto filter = compile::build_filter(compile::jail_policy(0));
    ASSERT_TRUE(filter.has_value());
    EXPECT_EQ(verdict(*filter, call("read")), kAllow);
    EXPECT_EQ(verdict(*filter, call("mount")), refusal(EPERM));
    EXPECT_EQ(verdict(*filter, call("clone3")), refusal(ENOSYS));
    EXPECT_EQ(verdict(*filter, call("socket", {AF_INET, SOCK_STREAM})), kAllow);
    EXPECT_EQ(verdict(*filter, call("socket", {AF_PACKET, SOCK_RAW})), refusal(EAFNOSUPPORT));
}

TEST(BpfVerdict, RefusesForeignArchitectures) {
    const auto filter = compile::build_filter(compile::jail_policy(0));
    FilterInput foreign = call("read");
    foreign.architecture = AUDIT_ARCH_PPC64;
    EXPECT_EQ(verdict(*filter, foreign), refusal(ENOSYS));
}

TEST(BpfVerdict, SaysNothingOfProgramsThatAreNoFilters) {
    EXPECT_EQ(verdict({}, {}), std::nullopt);
    const std::uint64_t load_half =
        std::bit_cast<std::uint64_t>(sock_filter{BPF_LD | BPF_H | BPF_ABS, 0, 0, 0});
    EXPECT_EQ(verdict({&load_half, 1}, {}), std::nullopt);
    const std::uint64_t beyond =
        std::bit_cast<std::uint64_t>(sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0xfffffffc});
    EXPECT_EQ(verdict({&beyond, 1}, {}), std::nullopt);
    const std::uint64_t far =
        std::bit_cast<std::uint64_t>(sock_filter{BPF_JMP | BPF_JA, 0, 0, 0xffffffff});
    EXPECT_EQ(verdict({&far, 1}, {}), std::nullopt);
}

TEST(BpfVerdict, ComputesWhatAFilterMay) {
    const auto run = [](std::initializer_list<sock_filter> steps) {
        std::vector<std::uint64_t> program;
        for (const sock_filter& step : steps)
            program.push_back(std::bit_cast<std::uint64_t>(step));
        return verdict(program, {});
    };
    const sock_filter length{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0};
    const sock_filter answer{BPF_RET | BPF_A, 0, 0, 0};
    const std::uint32_t size = sizeof(seccomp_data);
    EXPECT_EQ(run({length, answer}), size);
    EXPECT_EQ(run({{BPF_LDX | BPF_W | BPF_LEN, 0, 0, 0}, {BPF_MISC | BPF_TXA, 0, 0, 0}, answer}),
              size);
    EXPECT_EQ(run({length, {BPF_ALU | BPF_MUL | BPF_K, 0, 0, 3}, answer}), 3 * size);
    EXPECT_EQ(run({length, {BPF_ALU | BPF_DIV | BPF_K, 0, 0, 5}, answer}), size / 5);
    EXPECT_EQ(run({length, {BPF_ALU | BPF_NEG, 0, 0, 0}, answer}), 0U - size);
    // The kernel ends such a filter with 0: the thread is killed.
    EXPECT_EQ(run({length, {BPF_ALU | BPF_DIV | BPF_X, 0, 0, 0}, answer}), 0U);
}

TEST(BpfVerdict, TakesTheStrictestOfSeveral) {
    EXPECT_EQ(stricter(kAllow, refusal(EPERM)), refusal(EPERM));
    EXPECT_EQ(stricter(refusal(EPERM), kAllow), refusal(EPERM));
    EXPECT_EQ(stricter(refusal(EPERM), SECCOMP_RET_KILL_PROCESS), SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(stricter(SECCOMP_RET_LOG, kAllow), SECCOMP_RET_LOG);
}

} // namespace
} // namespace stead::learn
