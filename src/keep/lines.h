#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/function_ref.h"

namespace stead::keep {

/// A longer line is written in pieces, each marked as continued but the last: nothing is lost, and
/// memory stays bounded.
inline constexpr std::size_t kMaxLine = 4096;
/// How many streams may have an unfinished line at a time; further ones are written in pieces.
inline constexpr std::size_t kLineBlocks = 64;

/// Memory for unfinished lines, one page each, the lowest free one first.
class LinePool {
public:
    static constexpr std::uint16_t kNone = 0xffff;

    struct Memory {
        std::array<std::array<char, kMaxLine>, kLineBlocks> blocks;
    };

    explicit LinePool(Memory& memory)
        : blocks_(memory.blocks) {}

    /// kNone when all are taken.
    std::uint16_t take();
    void give_back(std::uint16_t block);

    [[nodiscard]] std::span<char> bytes(std::uint16_t block) { return blocks_[block]; }

private:
    std::array<bool, kLineBlocks> taken_{};
    std::array<std::array<char, kMaxLine>, kLineBlocks>& blocks_;
};

/// Length of the longest start of `text`, at most `limit` bytes, that cuts no character in two; at
/// least 1 unless `text` is empty.
std::size_t piece_length(std::string_view text, std::size_t limit);

/// Takes one line, or one piece of a line that goes on (`continued`).
using LineSink = FunctionRef<void(std::string_view text, bool continued)>;

/// Cuts one stream into lines, holding the unfinished one in the pool's memory.
class LineSplitter {
public:
    /// Calls `sink` for every line that `bytes` completes.
    void feed(std::string_view bytes, LinePool& pool, LineSink sink);
    /// The stream has ended: what is left without a newline is a line.
    void finish(LinePool& pool, LineSink sink);

    [[nodiscard]] bool pending() const { return size_ > 0; }

private:
    /// Takes in `part`, which ends the line if `ends` (the newline behind it included); how many
    /// bytes were used.
    std::size_t take_in(std::string_view part, bool ends, LinePool& pool, LineSink sink);

    std::string_view held(LinePool& pool) const { return {pool.bytes(block_).data(), size_}; }

    std::size_t store(std::string_view part, LinePool& pool);
    void keep_from(std::size_t start, LinePool& pool);
    void release(LinePool& pool);

    std::uint16_t block_ = LinePool::kNone;
    std::uint16_t size_ = 0;
};

/// Appends `text` to `into` with every unsafe byte as \xNN; `into` must have 4 bytes of room for
/// each byte of `text`. The bytes written.
std::size_t escape_into(std::span<char> into, std::string_view text);

} // namespace stead::keep
