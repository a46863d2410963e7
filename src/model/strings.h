#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace stead {

/// A view of a list of NUL-terminated strings inside a plan image: argv, environments, names.
/// The image outlives it; `StringList` itself is two words and freely copied.
class StringList {
public:
    StringList() = default;

    /// `offsets` are positions in `bytes`; whoever makes a list has checked that each one starts a
    /// string that ends, with its NUL, inside `bytes` (plan::Plan does).
    StringList(std::span<const std::uint32_t> offsets, const char* bytes)
        : offsets_(offsets)
        , bytes_(bytes) {}

    [[nodiscard]] std::size_t size() const { return offsets_.size(); }

    [[nodiscard]] bool empty() const { return offsets_.empty(); }

    /// The string at `index`, NUL-terminated.
    [[nodiscard]] const char* c_str(std::size_t index) const { return bytes_ + offsets_[index]; }

    [[nodiscard]] std::string_view operator[](std::size_t index) const { return c_str(index); }

private:
    std::span<const std::uint32_t> offsets_;
    const char* bytes_ = nullptr;
};

} // namespace stead
