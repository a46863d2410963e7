#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"

struct gzFile_s;

/// Log files that have been compressed (gzip, RFC 1952). They keep their names, current.2 and so
/// on: zcat(1) and zgrep(1) go by the first bytes, and so does everything here.
namespace stead::cli {

class PackedLog {
public:
    /// Nothing if the file at `fd` is not compressed.
    static std::optional<PackedLog> open(int fd);

    /// The next bytes of the text; 0 at its end, nothing where the file is damaged.
    std::optional<std::size_t> read(std::span<char> buffer);
    /// Back to the beginning.
    void rewind();

    /// How long the text says it is, modulo 4 GB.
    [[nodiscard]] std::uint32_t size() const { return size_; }

private:
    struct Close {
        void operator()(gzFile_s* file) const;
    };

    std::unique_ptr<gzFile_s, Close> file_;
    std::uint32_t size_ = 0;
};

/// Compresses all of `from`, a plain file, into `to`, an empty one.
Result<void> pack_log(int from, int to);

} // namespace stead::cli
