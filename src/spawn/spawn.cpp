#include "spawn/spawn.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "spawn/steps.h"

namespace stead::spawn {

namespace {

void write_own_pid(const Child& child) {
    std::array<char, 12> digits{};
    std::size_t at = digits.size() - 1;
    for (auto rest = static_cast<unsigned>(::getpid()); rest != 0; rest /= 10)
        digits[--at] = static_cast<char>('0' + rest % 10);
    for (char* to : child.own_pid) {
        if (to != nullptr) std::copy(digits.begin() + at, digits.end(), to);
    }
}

} // namespace

void fail(const Child& child, SpawnStage stage, int error) {
    const Report report{.stage = stage, .error = error};
    // The pipe is empty or holds one record, so this neither blocks nor is cut short. If PID 1 has
    // gone away there is nobody left to tell.
    (void)!::write(child.report, &report, sizeof report);
    ::_exit(error == ENOENT ? 127 : 126);
}

void fail(const Child& child, SpawnStage stage) {
    fail(child, stage, errno);
}

void fail_if_strict(const Child& child, SpawnStage stage, int error) {
    if (child.strict) fail(child, stage, error);
}

void fail_if_strict(const Child& child, SpawnStage stage) {
    fail_if_strict(child, stage, errno);
}

void enter_cgroup(const Child& child) {
    if (child.cgroup < 0) return;
    const int procs = ::openat(child.cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (procs < 0) fail(child, SpawnStage::Cgroup);
    // "0" is the writer itself, whatever pid namespace it is in (cgroups(7)).
    if (::write(procs, "0", 1) != 1) fail(child, SpawnStage::Cgroup);
    ::close(procs);
}

void enter_session(const Child& child) {
    if (child.session == Session::Own) {
        if (::setsid() < 0) fail(child, SpawnStage::Session);
        return;
    }
    if (::setpgid(0, 0) < 0) fail(child, SpawnStage::Session);
}

void take_terminal(Child& child) {
    if (child.own_terminal) {
        // A line that waits for a carrier must not hold the child.
        const int fd =
            ::open(child.exec.terminal.data(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) fail(child, SpawnStage::Terminal);
        ::fcntl(fd, F_SETFL, O_RDWR);
        child.streams.fill({.kind = Stream::Kind::Descriptor, .fd = fd});
        // 1: taken away from a session that still holds it, where we may.
        if (::ioctl(fd, TIOCSCTTY, 1) < 0 && ::ioctl(fd, TIOCSCTTY, 0) < 0)
            fail(child, SpawnStage::Terminal);
        return;
    }
    const int terminal = child.streams[0].fd;
    if (child.session == Session::ForegroundGroup) {
        // In the child, so that the program never runs in the background. TTOU, which this would
        // send to a background group, is blocked until the program starts.
        const pid_t group = ::getpid();
        if (::ioctl(terminal, TIOCSPGRP, &group) < 0 && errno != ENOTTY)
            fail(child, SpawnStage::Terminal);
        return;
    }
    if (!child.controlling_terminal) return;
    if (::ioctl(terminal, TIOCSCTTY, 0) < 0) fail(child, SpawnStage::Terminal);
}

void become(Child& child) {
    enter_cgroup(child);
    enter_session(child);
    take_terminal(child);
    place_descriptors(child);
    set_limits(child);
    set_oom_score(child);
    set_scheduling(child);
    make_directories(child);
    make_credentials(child);
    set_view(child);
    set_groups(child);
    set_group(child);
    cut_bounding_set(child);
    set_user(child);
    set_final_capabilities(child);
    change_directory(child);
    write_own_pid(child);
    set_no_new_privileges(child);
    enter_landlock(child);
    // After the filters nothing but resetting signals, one write and execve is left to do.
    load_filters(child);
    reset_signals(child);
    execute(child);
}

} // namespace stead::spawn
