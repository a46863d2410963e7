#pragma once

#include <string>

#include "base/result.h"

namespace stead::resources {

/// Whether cgroup.freeze says so.
bool is_frozen(const std::string& cgroup);
/// Stops every process of the cgroup and below, and waits until they stand (2 s at most, then
/// ETIMEDOUT and everything runs again).
Result<void> freeze(const std::string& cgroup);
Result<void> thaw(const std::string& cgroup);
/// Asks the kernel to take `bytes` of memory back. EAGAIN: it found less.
Result<void> reclaim(const std::string& cgroup, std::uint64_t bytes);

/// A cgroup that stands still as long as this object lives; one that was frozen before stays so.
class StandStill {
public:
    static Result<StandStill> of(const std::string& cgroup);

    StandStill(StandStill&& other) noexcept;
    StandStill(const StandStill&) = delete;
    StandStill& operator=(const StandStill&) = delete;
    StandStill& operator=(StandStill&&) = delete;
    ~StandStill();

private:
    explicit StandStill(std::string cgroup)
        : cgroup_(std::move(cgroup)) {}

    /// Empty: not ours to thaw.
    std::string cgroup_;
};

} // namespace stead::resources
