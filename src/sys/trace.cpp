#include "sys/trace.h"

#include <linux/bpf_common.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "sys/outcome.h"
#include "sys/process.h"

namespace stead::sys {

namespace {

/// Of stops at system calls (PTRACE_O_TRACESYSGOOD).
constexpr int kCallStop = SIGTRAP | 0x80;

Result<long> control(unsigned request, pid_t tid, void* address, void* data) {
    const long answer = ::ptrace(static_cast<decltype(PTRACE_CONT)>(request), tid, address, data);
    if (answer < 0) return last_error("ptrace");
    return answer;
}

/// ptrace(2) takes numbers where other requests have pointers.
void* as_pointer(std::uintptr_t number) {
    return reinterpret_cast<void*>(number); // NOLINT(performance-no-int-to-ptr)
}

bool is_job_control(int signal) {
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

TraceStop read_stop(pid_t tid, int status) {
    using Kind = TraceStop::Kind;
    if (WIFEXITED(status)) return {tid, Kind::Exited, WEXITSTATUS(status)};
    if (WIFSIGNALED(status)) return {tid, Kind::Killed, WTERMSIG(status)};
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_STOP)
        return {tid, is_job_control(signal) ? Kind::JobStop : Kind::Pause, signal};
    if (event == 0) return {tid, signal == kCallStop ? Kind::Call : Kind::Signal, signal};
    unsigned long message = 0;
    // Of a thread that was killed meanwhile nobody asks anything more.
    (void)control(PTRACE_GETEVENTMSG, tid, nullptr, &message);
    return {tid, event == PTRACE_EVENT_EXEC ? Kind::Executed : Kind::Born,
            static_cast<std::int64_t>(message)};
}

} // namespace

Result<void> trace(pid_t tid, bool end_with_us) {
    const std::uintptr_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                                   PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                                   (end_with_us ? PTRACE_O_EXITKILL : 0);
    TRY(control(PTRACE_SEIZE, tid, nullptr, as_pointer(options)));
    return {};
}

Result<void> pause_traced(pid_t tid) {
    TRY(control(PTRACE_INTERRUPT, tid, nullptr, nullptr));
    return {};
}

Result<void> let_go(pid_t tid, int signal) {
    TRY(control(PTRACE_DETACH, tid, nullptr, as_pointer(static_cast<std::uintptr_t>(signal))));
    return {};
}

Result<void> resume(pid_t tid, Resume how, int signal) {
    const unsigned request = how == Resume::ToCall ? PTRACE_SYSCALL
                             : how == Resume::Stay ? PTRACE_LISTEN
                                                   : PTRACE_CONT;
    TRY(control(request, tid, nullptr, as_pointer(static_cast<std::uintptr_t>(signal))));
    return {};
}

Result<std::optional<TraceStop>> next_stop() {
    int status = 0;
    const pid_t tid = ::waitpid(-1, &status, __WALL | WNOHANG);
    if (tid < 0) return last_error("waitpid");
    if (tid == 0) return std::optional<TraceStop>{};
    return std::optional(read_stop(tid, status));
}

Result<CallStop> call_at(pid_t tid) {
    __ptrace_syscall_info info{};
    TRY(control(PTRACE_GET_SYSCALL_INFO, tid, as_pointer(sizeof info), &info));
    CallStop call;
    call.architecture = info.arch;
    call.instruction = info.instruction_pointer;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        call.entry = true;
        call.number = info.entry.nr;
        for (std::size_t at = 0; at < call.arguments.size(); ++at)
            call.arguments[at] = info.entry.args[at];
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        call.result = info.exit.rval;
    } else {
        return make_error("ptrace", "a stop that is at no system call", EINVAL);
    }
    return call;
}

std::size_t read_memory(pid_t tid, std::uint64_t address, std::span<std::byte> into) {
    // Page by page, so that what lies before an unmapped page is read.
    constexpr std::uint64_t kPage = 4096;
    std::size_t read = 0;
    while (read < into.size()) {
        const std::uint64_t at = address + read;
        const std::size_t want = std::min<std::uint64_t>(into.size() - read, kPage - at % kPage);
        iovec here{into.data() + read, want};
        iovec there{as_pointer(at), want};
        const ssize_t got = ::process_vm_readv(tid, &here, 1, &there, 1, 0);
        if (got <= 0) break;
        read += static_cast<std::size_t>(got);
        if (static_cast<std::size_t>(got) < want) break;
    }
    return read;
}

Result<UniqueFd> copy_descriptor(pid_t pid, int fd) {
    const Process process = TRY(open_process(pid));
    const long answer = ::syscall(SYS_pidfd_getfd, process.pidfd.get(), fd, 0);
    return detail::owned(static_cast<int>(answer), "pidfd_getfd");
}

Result<std::vector<std::uint64_t>> filter_of(pid_t tid, unsigned index) {
    // The kernel asks for no size, and the filter may be another one from one call to the next.
    std::vector<std::uint64_t> program(BPF_MAXINSNS);
    const long length =
        TRY(control(PTRACE_SECCOMP_GET_FILTER, tid, as_pointer(index), program.data()));
    program.resize(static_cast<std::size_t>(length));
    return program;
}

} // namespace stead::sys
