#include <linux/bpf.h>

#include <vector>

#include <gtest/gtest.h>

#include "sys/device_program.h"

namespace stead::sys {

namespace {

/// What a program that device_program made answers: the few instructions that it uses, obeyed.
bool allows(const std::vector<BpfInstruction>& program, bpf_cgroup_dev_ctx asked) {
    std::uint32_t registers[6] = {};
    for (std::size_t at = 0; at < program.size(); ++at) {
        const auto one = std::bit_cast<bpf_insn>(program[at]);
        const auto value = std::bit_cast<std::uint32_t>(one.imm);
        std::uint32_t& to = registers[one.dst_reg];
        switch (one.code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            to = one.off == 0 ? asked.access_type : one.off == 4 ? asked.major : asked.minor;
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
            to = registers[one.src_reg];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            to = value;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            to &= value;
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            to >>= value;
            break;
        case BPF_JMP32 | BPF_JNE | BPF_K:
            if (to != value) at += static_cast<std::size_t>(one.off);
            break;
        case BPF_JMP32 | BPF_JSET | BPF_K:
            if ((to & value) != 0) at += static_cast<std::size_t>(one.off);
            break;
        case BPF_JMP | BPF_EXIT:
            return registers[0] == 1;
        default:
            ADD_FAILURE() << "instruction " << at << " is of an unknown kind";
            return false;
        }
    }
    ADD_FAILURE() << "the program has no end";
    return false;
}

constexpr std::uint32_t kAccesses[] = {0,
                                       BPF_DEVCG_ACC_READ,
                                       BPF_DEVCG_ACC_WRITE,
                                       BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE,
                                       BPF_DEVCG_ACC_MKNOD,
                                       BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ};

bool covers(const DeviceRule& rule, bool block, const bpf_cgroup_dev_ctx& asked) {
    const std::uint32_t access = asked.access_type >> 16U;
    return rule.block == block && rule.major == asked.major &&
           (!rule.minor || *rule.minor == asked.minor) && (access & BPF_DEVCG_ACC_MKNOD) == 0 &&
           (rule.read || (access & BPF_DEVCG_ACC_READ) == 0) &&
           (rule.write || (access & BPF_DEVCG_ACC_WRITE) == 0);
}

const std::vector<DeviceRule> kRules = {
    {.block = false, .major = 1, .minor = 3, .read = true, .write = true},
    {.block = false, .major = 136, .minor = std::nullopt, .read = true, .write = true},
    {.block = true, .major = 8, .minor = 1, .read = true, .write = false},
    {.block = false, .major = 10, .minor = 229, .read = false, .write = true},
    {.block = true, .major = 8, .minor = 2, .read = false, .write = false}};

} // namespace

TEST(DeviceProgram, AllowsWhatARuleNamesAndNothingElse) {
    const auto program = device_program(kRules);
    int allowed = 0;
    for (const bool block : {false, true}) {
        for (const std::uint32_t access : kAccesses) {
            for (const std::uint32_t major : {0U, 1U, 8U, 10U, 136U, 137U}) {
                for (const std::uint32_t minor : {0U, 1U, 2U, 3U, 229U, 1048575U}) {
                    const std::uint32_t type = block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
                    const bpf_cgroup_dev_ctx asked{access << 16U | type, major, minor};
                    bool expected = false;
                    for (const DeviceRule& rule : kRules)
                        expected = expected || covers(rule, block, asked);
                    EXPECT_EQ(allows(program, asked), expected)
                        << block << ' ' << major << ':' << minor << ' ' << access;
                    allowed += expected ? 1 : 0;
                }
            }
        }
    }
    EXPECT_GT(allowed, 20);
}

TEST(DeviceProgram, WithoutRulesRefusesAll) {
    const auto program = device_program({});
    EXPECT_FALSE(allows(program, {BPF_DEVCG_ACC_READ << 16U | BPF_DEVCG_DEV_CHAR, 1, 3}));
}

TEST(DeviceProgram, IsReadAsTheRulesItWasMadeOf) {
    EXPECT_EQ(device_rules(device_program(kRules)), kRules);
    EXPECT_EQ(device_rules(device_program({})), std::vector<DeviceRule>());
}

TEST(DeviceProgram, OfSomebodyElseIsNotTakenForOurs) {
    const auto program = device_program(kRules);
    // Cut anywhere, or with any one instruction changed, it is none of ours any more, or says
    // something else.
    for (std::size_t at = 0; at < program.size(); ++at) {
        const auto part = std::span(program).first(at);
        const auto read = device_rules(part);
        EXPECT_NE(read, kRules) << at;
        auto changed = program;
        changed[at] ^= 1U;
        EXPECT_NE(device_rules(changed), kRules) << at;
    }
    std::vector<BpfInstruction> allowing;
    bpf_end_with(allowing, 1);
    EXPECT_EQ(device_rules(allowing), std::nullopt);
}

} // namespace stead::sys
