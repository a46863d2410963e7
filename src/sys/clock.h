#pragma once

#include <cstdint>
#include <ctime>

#include "base/time.h"

namespace stead::sys {

/// CLOCK_MONOTONIC now. It cannot fail on Linux.
inline Instant now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return {static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec};
}

/// CLOCK_REALTIME in nanoseconds since 1970, for people; it may jump.
inline std::int64_t realtime_now() {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

} // namespace stead::sys
