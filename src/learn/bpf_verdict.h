#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stead::learn {

/// What a seccomp filter looks at.
struct FilterInput {
    std::uint32_t number = 0;
    std::uint32_t architecture = 0;
    std::uint64_t instruction = 0;
    std::array<std::uint64_t, 6> arguments{};
};

/// The SECCOMP_RET_ value that a classic BPF program (sock_filter instructions) answers: what the
/// kernel does with it, done again. Nothing for a program with instructions that seccomp(2)
/// filters do not have, or that does not end.
std::optional<std::uint32_t> verdict(std::span<const std::uint64_t> program,
                                     const FilterInput& input);

/// Of several filters that are asked, the answer that counts: the strictest.
std::uint32_t stricter(std::uint32_t one, std::uint32_t other);

} // namespace stead::learn
