#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "images/report.h"

namespace stead::images {

/// What one archive may cost; each has an option of `stead image` that raises it.
struct Limits {
    std::uint64_t bytes = std::uint64_t{16} << 30U;
    std::uint64_t files = 2'000'000;
};

/// One member of an archive, as it says of itself: nothing here has been judged yet.
struct Entry {
    enum class Kind : std::uint8_t { File, Folder, Link, HardLink, Fifo, Device, Other };
    Kind kind = Kind::Other;
    std::string path;
    /// Link: its text; HardLink: a path of the archive.
    std::string target;
    mode_t mode = 0;
    std::int64_t uid = 0;
    std::int64_t gid = 0;
    std::uint64_t size = 0;

    struct timespec changed {};

    std::vector<std::pair<std::string, std::string>> attributes;
    bool has_acl = false;
};

/// A tar archive (ustar, GNU, pax; plain or compressed by gzip, bzip2, xz, lzma, zstd, lz4), read
/// from its beginning to its end. libarchive parses it: so this is used by confined children only.
class ArchiveReader {
public:
    /// `fd` may be a pipe. `name` is for messages.
    ArchiveReader(int fd, std::string name, const Limits& limits, Report& report);
    ~ArchiveReader();
    ArchiveReader(const ArchiveReader&) = delete;
    ArchiveReader& operator=(const ArchiveReader&) = delete;
    ArchiveReader(ArchiveReader&&) = delete;
    ArchiveReader& operator=(ArchiveReader&&) = delete;

    /// False at the end, and after a failure.
    bool next(Entry& entry);

    /// Whether the archive is an OCI image layout, by the names it begins with. What was looked at
    /// comes again from `next`.
    bool looks_like_oci();
    /// An archive without any entry is none of ours to refuse.
    void allow_empty();

    /// What it has used of its limits.
    [[nodiscard]] Limits used() const;

    /// The content of the last entry, block by block with the place it belongs to: what lies
    /// between blocks is zeros. False after a failure.
    using Block = FunctionRef<Result<void>(std::span<const std::byte> bytes, std::uint64_t at)>;
    bool read(const Entry& entry, Block block);

    /// "web.tar, entry 12 'usr/bin/env'".
    [[nodiscard]] std::string place(const Entry& entry) const;

    /// Bytes of the archive without its compression, until now.
    [[nodiscard]] std::uint64_t unpacked() const;

private:
    bool open();
    bool read_header(Entry& entry);
    bool check_end();
    bool fail_reading(const char* what);
    bool check_limits(const Entry& entry);
    bool skip(const Entry& entry);

    struct State;
    std::unique_ptr<State> state_;
    Report& report_;
};

} // namespace stead::images
