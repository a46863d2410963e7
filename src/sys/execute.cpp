#include "sys/execute.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "sys/clone.h"
#include "sys/signals.h"

namespace stead::sys {

namespace {

constexpr std::size_t kMaxGiven = 24;
/// Above every number that is given, so that no step lands on a descriptor still needed.
constexpr int kParking = 64;

[[noreturn]] void become(const Execution& execution) {
    std::array<int, kMaxGiven> parked{};
    const int program = ::fcntl(execution.program, F_DUPFD_CLOEXEC, kParking);
    for (std::size_t index = 0; index < execution.given.size(); ++index)
        parked[index] = ::fcntl(execution.given[index].fd, F_DUPFD_CLOEXEC, kParking);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) (void)::dup2(null, STDIN_FILENO);

    // All but the standard streams go at exec; what is given comes back below.
    (void)::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (std::size_t index = 0; index < execution.given.size(); ++index) {
        if (parked[index] < 0 || ::dup2(parked[index], execution.given[index].as) < 0) ::_exit(127);
    }
    for (int signal = 1; signal <= kLastSignal; ++signal)
        (void)set_default_action(signal); // KILL and STOP refuse, and need no reset
    (void)set_signal_mask(0);             // cannot fail: the set is our own memory
    (void)::syscall(SYS_execveat, program, "", execution.arguments, execution.environment,
                    AT_EMPTY_PATH);
    ::_exit(127);
}

} // namespace

Result<Process> start_program(const Execution& execution) {
    if (execution.given.size() > kMaxGiven)
        return make_error("clone3", "too many descriptors", EINVAL);
    auto cloned = clone_process(-1);
    // The filter of a guest with the host's users knows no clone3.
    if (!cloned && cloned.error().code == ENOSYS) cloned = clone_process_plain();
    Cloned child = TRY(std::move(cloned));
    if (child.pid == 0) become(execution);
    return Process{std::move(child.pidfd), child.pid};
}

} // namespace stead::sys
