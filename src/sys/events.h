#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/time.h"
#include "sys/unique_fd.h"

/// epoll(7) and timerfd_create(2).
namespace stead::sys {

/// epoll_create1(2).
Result<UniqueFd> make_epoll();
/// epoll_ctl(2). `events` are EPOLL bits; `data` comes back with each event.
Result<void> watch(int epoll, int fd, std::uint32_t events, std::uint64_t data);
Result<void> change_watch(int epoll, int fd, std::uint32_t events, std::uint64_t data);
Result<void> unwatch(int epoll, int fd);
/// epoll_wait(2), without a time limit of its own unless `timeout_ms` is given.
Result<std::size_t> wait_events(int epoll, std::span<epoll_event> events, int timeout_ms = -1);

/// A timer of CLOCK_MONOTONIC, non-blocking.
Result<UniqueFd> make_timer();
/// Arms it for `at` (an instant in the past fires at once); Instant::never() disarms it.
Result<void> set_timer(int timer, Instant at);

/// A timer of CLOCK_REALTIME, non-blocking. A read of it answers ECANCELED once the clock has been
/// set.
Result<UniqueFd> make_wall_timer();
/// Arms it for `at` (nanoseconds since 1970). What will never come is waited for all the same, so
/// that a clock that is set is seen.
Result<void> set_wall_timer(int timer, std::int64_t at);

} // namespace stead::sys
