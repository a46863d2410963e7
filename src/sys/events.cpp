#include "sys/events.h"

#include <sys/timerfd.h>

#include <ctime>

#include "sys/outcome.h"

namespace stead::sys {

namespace {

Result<void> control(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t data) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    return detail::done(::epoll_ctl(epoll, operation, fd, &event), "epoll_ctl");
}

} // namespace

Result<UniqueFd> make_epoll() {
    return detail::owned(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
}

Result<void> watch(int epoll, int fd, std::uint32_t events, std::uint64_t data) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

Result<void> change_watch(int epoll, int fd, std::uint32_t events, std::uint64_t data) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

Result<void> unwatch(int epoll, int fd) {
    return control(epoll, EPOLL_CTL_DEL, fd, 0, 0);
}

Result<std::size_t> wait_events(int epoll, std::span<epoll_event> events, int timeout_ms) {
    const int count =
        ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), timeout_ms);
    if (count >= 0) return static_cast<std::size_t>(count);
    // A debugger or a checkpoint may interrupt even a process that blocks every signal.
    if (errno == EINTR) return std::size_t{0};
    return last_error("epoll_wait");
}

namespace {

Result<UniqueFd> make_timer_of(clockid_t clock) {
    return detail::owned(::timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create");
}

/// 0: disarmed.
Result<void> arm(int timer, std::int64_t ns, int flags) {
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    return detail::done(::timerfd_settime(timer, TFD_TIMER_ABSTIME | flags, &when, nullptr),
                        "timerfd_settime");
}

} // namespace

Result<UniqueFd> make_timer() {
    return make_timer_of(CLOCK_MONOTONIC);
}

Result<void> set_timer(int timer, Instant at) {
    // All zero would disarm the timer; one nanosecond after the epoch is past as well.
    return arm(timer, at.is_never() ? 0 : at.ns > 0 ? at.ns : 1, 0);
}

Result<UniqueFd> make_wall_timer() {
    return make_timer_of(CLOCK_REALTIME);
}

Result<void> set_wall_timer(int timer, std::int64_t at) {
    return arm(timer, at, TFD_TIMER_CANCEL_ON_SET);
}

} // namespace stead::sys
