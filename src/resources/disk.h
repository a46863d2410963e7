#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "resources/subject.h"

/// Levels of a guest's own disk, a folder of the host: the project quota of its file system or, on
/// btrfs, the qgroup of the subvolume that it is.
namespace stead::resources {

/// The projects that are given to guests' disks.
inline constexpr std::uint32_t kFirstProject = 0x53740000;
inline constexpr std::uint32_t kLastProject = 0x5374ffff;

/// What a disk takes, and may take; a limit of 0 is none.
struct DiskUse {
    std::uint64_t bytes = 0;
    /// Nothing: its file system does not count them.
    std::optional<std::uint64_t> inodes;
    std::uint64_t most_bytes = 0;
    std::uint64_t most_inodes = 0;
};

/// What is counted.
enum class DiskCount : std::uint8_t { Bytes, Inodes };

DiskCount counted_by(const Level& level);

/// Who counts and limits disks: the kernel, or a test.
class DiskQuotas {
public:
    DiskQuotas() = default;
    DiskQuotas(const DiskQuotas&) = delete;
    DiskQuotas(DiskQuotas&&) = delete;
    DiskQuotas& operator=(const DiskQuotas&) = delete;
    DiskQuotas& operator=(DiskQuotas&&) = delete;
    virtual ~DiskQuotas() = default;

    /// Why the file system of `folder`, or of the nearest one above that is there, cannot limit
    /// that of it, and the way out; empty: it can.
    virtual std::string problem(const std::string& folder, DiskCount count) const = 0;
    /// ENODATA: the folder was made when its file system had no such quotas.
    virtual Result<DiskUse> read(const std::string& folder) const = 0;
    /// Sets the limits that are given.
    virtual Result<void> limit(const std::string& folder,
                               std::optional<std::uint64_t> bytes,
                               std::optional<std::uint64_t> inodes) const = 0;
};

const DiskQuotas& kernel_quotas();

/// Why `subject` cannot have a level of disks, and the way out; empty: it can.
std::string disk_problem(const Subject& subject, const Level& level);
Result<std::string> read_disk(const Subject& subject, const Level& level);
Result<void> write_disk(const Subject& subject, const Level& level, const std::string& content);
std::optional<std::int64_t> disk_use(const Subject& subject, const Level& level);

} // namespace stead::resources
