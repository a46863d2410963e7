#include "learn/bpf_verdict.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <bit>
#include <cstddef>
#include <cstring>

namespace stead::learn {

namespace {

struct Machine {
    std::uint32_t accumulator = 0;
    std::uint32_t index = 0;
    std::array<std::uint32_t, BPF_MEMWORDS> memory{};
};

std::optional<std::uint32_t> load(const seccomp_data& data, std::uint32_t offset) {
    std::uint32_t word = 0;
    if (offset > sizeof data - sizeof word || offset % sizeof word != 0) return std::nullopt;
    std::memcpy(&word, reinterpret_cast<const std::byte*>(&data) + offset, sizeof word);
    return word;
}

/// Arithmetic with `operand`; false for an operation that is none.
bool compute(std::uint32_t& value, unsigned operation, std::uint32_t operand) {
    switch (operation) {
    case BPF_ADD:
        value += operand;
        return true;
    case BPF_SUB:
        value -= operand;
        return true;
    case BPF_AND:
        value &= operand;
        return true;
    case BPF_OR:
        value |= operand;
        return true;
    case BPF_XOR:
        value ^= operand;
        return true;
    case BPF_LSH:
        value <<= operand & 31U;
        return true;
    case BPF_RSH:
        value >>= operand & 31U;
        return true;
    case BPF_MUL:
        value *= operand;
        return true;
    case BPF_DIV:
        value /= operand; // The caller has seen that it is not 0.
        return true;
    case BPF_NEG:
        value = 0U - value;
        return true;
    default:
        return false;
    }
}

bool holds(std::uint32_t value, unsigned comparison, std::uint32_t operand) {
    switch (comparison) {
    case BPF_JEQ:
        return value == operand;
    case BPF_JGT:
        return value > operand;
    case BPF_JGE:
        return value >= operand;
    default: // BPF_JSET
        return (value & operand) != 0;
    }
}

/// Loads and stores; false for what is none.
bool move(Machine& machine, const sock_filter& step, const seccomp_data& data) {
    const bool in_memory = step.k < machine.memory.size();
    switch (step.code) {
    case BPF_LD | BPF_W | BPF_ABS: {
        const auto word = load(data, step.k);
        machine.accumulator = word.value_or(0);
        return word.has_value();
    }
    case BPF_LD | BPF_W | BPF_LEN:
        machine.accumulator = sizeof data;
        return true;
    case BPF_LDX | BPF_W | BPF_LEN:
        machine.index = sizeof data;
        return true;
    case BPF_LD | BPF_IMM:
        machine.accumulator = step.k;
        return true;
    case BPF_LDX | BPF_IMM:
        machine.index = step.k;
        return true;
    case BPF_LD | BPF_MEM:
        if (in_memory) machine.accumulator = machine.memory[step.k];
        return in_memory;
    case BPF_LDX | BPF_MEM:
        if (in_memory) machine.index = machine.memory[step.k];
        return in_memory;
    case BPF_ST:
        if (in_memory) machine.memory[step.k] = machine.accumulator;
        return in_memory;
    case BPF_STX:
        if (in_memory) machine.memory[step.k] = machine.index;
        return in_memory;
    case BPF_MISC | BPF_TAX:
        machine.index = machine.accumulator;
        return true;
    case BPF_MISC | BPF_TXA:
        machine.accumulator = machine.index;
        return true;
    default:
        return false;
    }
}

} // namespace

std::optional<std::uint32_t> verdict(std::span<const std::uint64_t> program,
                                     const FilterInput& input) {
    seccomp_data data{};
    data.nr = static_cast<int>(input.number);
    data.arch = input.architecture;
    data.instruction_pointer = input.instruction;
    for (std::size_t at = 0; at < input.arguments.size(); ++at)
        data.args[at] = input.arguments[at];
    Machine machine;
    // Jumps lead forward only, so it ends.
    for (std::size_t at = 0; at < program.size(); ++at) {
        const auto step = std::bit_cast<sock_filter>(program[at]);
        const unsigned kind = BPF_CLASS(step.code);
        const std::uint32_t operand = BPF_SRC(step.code) == BPF_X ? machine.index : step.k;
        if (kind == BPF_RET) return BPF_RVAL(step.code) == BPF_A ? machine.accumulator : step.k;
        if (kind == BPF_JMP && BPF_OP(step.code) == BPF_JA) {
            at += step.k;
        } else if (kind == BPF_JMP) {
            at += holds(machine.accumulator, BPF_OP(step.code), operand) ? step.jt : step.jf;
        } else if (kind == BPF_ALU) {
            // The kernel ends a filter that divides by nothing, with 0.
            if (BPF_OP(step.code) == BPF_DIV && operand == 0) return 0;
            if (!compute(machine.accumulator, BPF_OP(step.code), operand)) return std::nullopt;
        } else if (!move(machine, step, data)) {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

std::uint32_t stricter(std::uint32_t one, std::uint32_t other) {
    // The kernel's order: the action as a signed number, the smallest first (seccomp(2)).
    const auto rank = [](std::uint32_t value) {
        return static_cast<std::int32_t>(value & SECCOMP_RET_ACTION_FULL);
    };
    return rank(other) < rank(one) ? other : one;
}

} // namespace stead::learn
