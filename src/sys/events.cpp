#include "sys/events.h"

#include <sys/timerfd.h>

#include <ctime>

namespace stead::sys {

namespace {

Result<void> control(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t data) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    if (::epoll_ctl(epoll, operation, fd, &event) < 0) return last_error("epoll_ctl");
    return {};
}

} // namespace

Result<UniqueFd> make_epoll() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return last_error("epoll_create1");
    return UniqueFd(fd);
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

Result<UniqueFd> make_timer() {
    const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return last_error("timerfd_create");
    return UniqueFd(fd);
}

Result<void> set_timer(int timer, Instant at) {
    itimerspec when{};
    if (!at.is_never()) {
        // All zero would disarm the timer; one nanosecond after the epoch is past as well.
        const std::int64_t ns = at.ns > 0 ? at.ns : 1;
        when.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
        when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    }
    if (::timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr) < 0)
        return last_error("timerfd_settime");
    return {};
}

} // namespace stead::sys
