#include "images/digest.h"

#include <array>
#include <cstdint>
#include <vector>

#include <nettle/sha2.h>

#include "sys/file.h"

namespace stead::images {

struct Digest::State {
    sha256_ctx context{};
};

Digest::Digest()
    : state_(std::make_unique<State>()) {
    sha256_init(&state_->context);
}

Digest::~Digest() = default;

void Digest::add(std::span<const std::byte> bytes) {
    sha256_update(&state_->context, bytes.size(),
                  reinterpret_cast<const std::uint8_t*>(bytes.data()));
}

std::string Digest::hex() {
    std::array<std::uint8_t, SHA256_DIGEST_SIZE> sum{};
    sha256_digest(&state_->context, sum.size(), sum.data());
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : sum) {
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 15U];
    }
    return text;
}

Result<Summed> sum_of(int fd) {
    constexpr std::size_t kChunk = std::size_t{1} << 18U;
    std::vector<std::byte> buffer(kChunk);
    Digest digest;
    Summed summed;
    while (true) {
        const std::size_t size = TRY(sys::read_full(fd, buffer));
        digest.add(std::span(buffer).first(size));
        summed.bytes += size;
        if (size < buffer.size()) break;
    }
    summed.hex = digest.hex();
    return summed;
}

} // namespace stead::images
