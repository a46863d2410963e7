#include "keep/lines.h"

#include <algorithm>
#include <cstring>

#include "base/printable.h"

namespace stead::keep {

namespace {

std::string_view without_return(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

} // namespace

std::uint16_t LinePool::take() {
    for (std::uint16_t block = 0; block < kLineBlocks; ++block) {
        if (!taken_[block]) {
            taken_[block] = true;
            return block;
        }
    }
    return kNone;
}

void LinePool::give_back(std::uint16_t block) {
    if (block < kLineBlocks) taken_[block] = false;
}

std::size_t piece_length(std::string_view text, std::size_t limit) {
    const std::size_t length = std::min(text.size(), limit);
    // The last character may be cut in two: look for its first byte among the last three.
    for (std::size_t back = 1; back <= 3 && back < length; ++back) {
        const auto byte = static_cast<unsigned char>(text[length - back]);
        if ((byte & 0xc0U) == 0x80) continue;
        const std::size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        return whole > back ? length - back : length;
    }
    return length;
}

void LineSplitter::feed(std::string_view bytes, LinePool& pool, LineSink sink) {
    while (!bytes.empty()) {
        const std::size_t newline = bytes.find('\n');
        const bool ends = newline != std::string_view::npos;
        const std::size_t used =
            take_in(bytes.substr(0, ends ? newline : bytes.size()), ends, pool, sink);
        bytes.remove_prefix(used);
    }
}

void LineSplitter::finish(LinePool& pool, LineSink sink) {
    if (size_ > 0) sink(held(pool), false);
    release(pool);
}

std::size_t LineSplitter::take_in(std::string_view part, bool ends, LinePool& pool, LineSink sink) {
    if (size_ == 0 && ends && part.size() <= kMaxLine) {
        sink(without_return(part), false);
        return part.size() + 1;
    }
    if (block_ == LinePool::kNone) block_ = pool.take();
    if (block_ == LinePool::kNone) {
        const std::size_t length = piece_length(part, kMaxLine);
        sink(part.substr(0, length), true);
        return length;
    }
    const std::size_t stored = store(part, pool);
    if (stored == part.size() && ends) {
        sink(without_return(held(pool)), false);
        release(pool);
        return stored + 1;
    }
    if (size_ == kMaxLine && stored < part.size()) {
        const std::size_t length = piece_length(held(pool), kMaxLine);
        sink(held(pool).substr(0, length), true);
        keep_from(length, pool);
    }
    return stored;
}

std::size_t LineSplitter::store(std::string_view part, LinePool& pool) {
    const std::size_t count = std::min(part.size(), kMaxLine - size_);
    if (count > 0) std::memcpy(pool.bytes(block_).data() + size_, part.data(), count);
    size_ = static_cast<std::uint16_t>(size_ + count);
    return count;
}

void LineSplitter::keep_from(std::size_t start, LinePool& pool) {
    char* const bytes = pool.bytes(block_).data();
    std::memmove(bytes, bytes + start, size_ - start);
    size_ = static_cast<std::uint16_t>(size_ - start);
    if (size_ == 0) release(pool);
}

void LineSplitter::release(LinePool& pool) {
    pool.give_back(block_);
    block_ = LinePool::kNone;
    size_ = 0;
}

std::size_t escape_into(std::span<char> into, std::string_view text) {
    std::size_t used = 0;
    while (!text.empty()) {
        const std::size_t length = printable_length(text);
        if (length > 0) {
            std::memcpy(into.data() + used, text.data(), length);
            used += length;
            text.remove_prefix(length);
            continue;
        }
        const auto byte = static_cast<unsigned char>(text.front());
        into[used] = '\\';
        into[used + 1] = 'x';
        into[used + 2] = kHexDigits[byte >> 4U];
        into[used + 3] = kHexDigits[byte & 0x0fU];
        used += 4;
        text.remove_prefix(1);
    }
    return used;
}

} // namespace stead::keep
