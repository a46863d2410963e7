#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace stead::compile::test {

/// Runs a seccomp filter as the kernel does: a classic BPF machine with the instructions that such
/// filters use. Nothing comes back from a program that leaves its own text, reads outside the data
/// or uses an unknown instruction: the kernel would refuse to load it.
class Machine {
public:
    explicit Machine(const std::vector<std::uint64_t>& words)
        : program_(words.size()) {
        std::memcpy(program_.data(), words.data(), words.size() * sizeof(sock_filter));
    }

    std::optional<std::uint32_t> run(const seccomp_data& data) {
        accumulator_ = 0;
        for (std::size_t at = 0; at < program_.size(); ++at) {
            const sock_filter& op = program_[at];
            if (op.code == (BPF_RET | BPF_K)) return op.k;
            if (!step(op, data, at)) return std::nullopt;
        }
        return std::nullopt;
    }

    [[nodiscard]] std::size_t size() const { return program_.size(); }

private:
    bool step(const sock_filter& op, const seccomp_data& data, std::size_t& at) {
        switch (op.code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (op.k % 4 != 0 || op.k + 4 > sizeof data) return false;
            std::memcpy(&accumulator_, reinterpret_cast<const char*>(&data) + op.k, 4);
            return true;
        case BPF_ALU | BPF_AND | BPF_K:
            accumulator_ &= op.k;
            return true;
        case BPF_JMP | BPF_JA:
            at += op.k;
            return true;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += accumulator_ == op.k ? op.jt : op.jf;
            return true;
        case BPF_JMP | BPF_JGT | BPF_K:
            at += accumulator_ > op.k ? op.jt : op.jf;
            return true;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += accumulator_ >= op.k ? op.jt : op.jf;
            return true;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += (accumulator_ & op.k) != 0 ? op.jt : op.jf;
            return true;
        default:
            return false;
        }
    }

    std::vector<sock_filter> program_;
    std::uint32_t accumulator_ = 0;
};

} // namespace stead::compile::test
