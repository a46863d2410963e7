#include "sys/device_program.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace stead::sys {

namespace {

constexpr const char* kName = "stead_devices";

// Where the program keeps what it compares.
constexpr unsigned kType = 2;
constexpr unsigned kAccess = 3;
constexpr unsigned kMajor = 4;
constexpr unsigned kMinor = 5;

constexpr std::uint32_t kEveryAccess =
    BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

/// The two halves of bpf_cgroup_dev_ctx::access_type.
constexpr std::size_t kHead = 6;

void add_head(std::vector<BpfInstruction>& program) {
    program.push_back(bpf_load_field(kType, offsetof(bpf_cgroup_dev_ctx, access_type)));
    program.push_back(bpf_instruction(BPF_ALU | BPF_MOV | BPF_X, kAccess, kType, 0, 0));
    program.push_back(bpf_instruction(BPF_ALU | BPF_AND | BPF_K, kType, 0, 0, 0xffff));
    program.push_back(bpf_instruction(BPF_ALU | BPF_RSH | BPF_K, kAccess, 0, 0, 16));
    program.push_back(bpf_load_field(kMajor, offsetof(bpf_cgroup_dev_ctx, major)));
    program.push_back(bpf_load_field(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)));
}

std::uint32_t refused_by(const DeviceRule& rule) {
    std::uint32_t refused = kEveryAccess;
    if (rule.read) refused &= ~std::uint32_t{BPF_DEVCG_ACC_READ};
    if (rule.write) refused &= ~std::uint32_t{BPF_DEVCG_ACC_WRITE};
    return refused;
}

/// Every comparison that fails jumps behind the rule.
void add_rule(std::vector<BpfInstruction>& program, const DeviceRule& rule) {
    std::size_t distance = rule.minor ? 5 : 4; // what follows the first comparison
    const std::uint32_t type = rule.block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    program.push_back(bpf_jump_unless_equal(kType, type, distance--));
    program.push_back(bpf_jump_unless_equal(kMajor, rule.major, distance--));
    if (rule.minor) program.push_back(bpf_jump_unless_equal(kMinor, *rule.minor, distance--));
    const std::uint32_t refused = refused_by(rule);
    constexpr unsigned kJumpIfAny = BPF_JMP32 | BPF_JSET | BPF_K;
    program.push_back(bpf_instruction(kJumpIfAny, kAccess, 0, static_cast<int>(distance), refused));
    bpf_end_with(program, 1);
}

bpf_insn decoded(BpfInstruction instruction) {
    return std::bit_cast<bpf_insn>(instruction);
}

/// The value of the comparison of `reg`, which begins `program` then.
std::optional<std::uint32_t> compared(std::span<const BpfInstruction> program, unsigned reg) {
    if (program.empty()) return std::nullopt;
    const bpf_insn one = decoded(program.front());
    if (one.code != (BPF_JMP32 | BPF_JNE | BPF_K) || one.dst_reg != reg) return std::nullopt;
    return std::bit_cast<std::uint32_t>(one.imm);
}

/// The rule that begins `program`, which loses it.
std::optional<DeviceRule> take_rule(std::span<const BpfInstruction>& program) {
    DeviceRule rule;
    const auto type = compared(program, kType);
    if (!type || program.size() < 3) return std::nullopt;
    rule.block = *type == BPF_DEVCG_DEV_BLOCK;
    const auto major = compared(program.subspan(1), kMajor);
    if (!major) return std::nullopt;
    rule.major = *major;
    program = program.subspan(2);
    rule.minor = compared(program, kMinor);
    if (rule.minor) program = program.subspan(1);
    if (program.size() < 3) return std::nullopt;
    const auto refused = std::bit_cast<std::uint32_t>(decoded(program.front()).imm);
    rule.read = (refused & BPF_DEVCG_ACC_READ) == 0;
    rule.write = (refused & BPF_DEVCG_ACC_WRITE) == 0;
    program = program.subspan(3);
    return rule;
}

} // namespace

std::vector<BpfInstruction> device_program(std::span<const DeviceRule> rules) {
    std::vector<BpfInstruction> program;
    add_head(program);
    for (const DeviceRule& rule : rules)
        add_rule(program, rule);
    bpf_end_with(program, 0);
    return program;
}

std::optional<std::vector<DeviceRule>> device_rules(std::span<const BpfInstruction> program) {
    if (program.size() < kHead) return std::nullopt;
    std::vector<DeviceRule> rules;
    for (auto rest = program.subspan(kHead); rest.size() > 2;) {
        const auto rule = take_rule(rest);
        if (!rule) return std::nullopt;
        rules.push_back(*rule);
    }
    // The kernel gives back what it was given; what would be made of the rules has to be the same.
    const auto again = device_program(rules);
    if (!std::equal(again.begin(), again.end(), program.begin(), program.end()))
        return std::nullopt;
    return rules;
}

namespace {

struct Found {
    UniqueFd program;
    std::vector<DeviceRule> rules;
};

Result<std::optional<Found>> find_program(int cgroup) {
    for (const std::uint32_t id : TRY(bpf_programs_of(cgroup, BPF_CGROUP_DEVICE))) {
        auto program = open_bpf(id);
        if (!program) continue; // It has just gone.
        const auto code = bpf_code_of(program->get(), kName);
        if (!code || code->empty()) continue;
        auto rules = device_rules(*code);
        if (rules) return std::optional<Found>(Found{*std::move(program), *std::move(rules)});
    }
    return std::optional<Found>();
}

} // namespace

Result<void> limit_devices(int cgroup, std::span<const DeviceRule> rules) {
    const auto program = device_program(rules);
    const auto loaded =
        TRY(load_bpf(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, program, kName));
    const auto before = TRY(find_program(cgroup));
    return attach_bpf(cgroup, loaded.get(), BPF_CGROUP_DEVICE, before ? before->program.get() : -1);
}

Result<std::optional<std::vector<DeviceRule>>> read_devices(int cgroup) {
    auto found = TRY(find_program(cgroup));
    if (!found) return std::optional<std::vector<DeviceRule>>();
    return std::optional(std::move(found->rules));
}

} // namespace stead::sys
