#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace stead::images {

/// A running SHA-256 sum.
class Digest {
public:
    Digest();
    ~Digest();
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    Digest(Digest&&) = delete;
    Digest& operator=(Digest&&) = delete;

    void add(std::span<const std::byte> bytes);
    /// 64 hexadecimal digits; the sum then begins anew.
    std::string hex();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The sum of what is left to read of `fd`, and how many bytes that was.
struct Summed {
    std::string hex;
    std::uint64_t bytes = 0;
};

Result<Summed> sum_of(int fd);

} // namespace stead::images
