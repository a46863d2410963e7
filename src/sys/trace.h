#pragma once

#include <linux/audit.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "sys/unique_fd.h"

/// Watching the system calls of other processes: ptrace(2), for the host side only. A traced thread
/// stops at each event and goes on when it is resumed; whoever traces decides nothing for it.
namespace stead::sys {

#if defined(__x86_64__)
inline constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
inline constexpr std::uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
#else
#error "the number of this architecture in linux/audit.h is missing here"
#endif

/// Makes the caller the tracer of `tid`, which runs on. New threads and children are traced from
/// their first instruction on; with `end_with_us` the kernel kills all of them when the tracer is
/// gone.
Result<void> trace(pid_t tid, bool end_with_us);
/// Stops a traced thread that runs, soon: it is reported as TraceStop::Kind::Pause.
Result<void> pause_traced(pid_t tid);
/// Ends the trace of a stopped thread, which gets `signal` unless that is 0.
Result<void> let_go(pid_t tid, int signal);

/// What a stopped thread does next.
enum class Resume : std::uint8_t {
    /// Until the next event.
    Run,
    /// Until it enters or leaves a system call, too.
    ToCall,
    /// It stays stopped, as job control has it, until it is continued by others.
    Stay
};
/// ESRCH: it was killed meanwhile.
Result<void> resume(pid_t tid, Resume how, int signal);

/// Why a traced thread has stopped, or how it has ended.
struct TraceStop {
    enum class Kind : std::uint8_t {
        Exited,   // `value` is the exit code; also of children that nobody traces
        Killed,   // by the signal `value`
        Born,     // it has made the thread or process `value`
        Executed, // `value` is the thread's former number
        Call,     // it enters or leaves a system call
        Signal,   // the signal `value` is about to reach it
        Pause,    // it begins, or was asked to stop
        JobStop   // by job control
    };
    pid_t tid = 0;
    Kind kind = Kind::Exited;
    std::int64_t value = 0;
};

/// The next report of any child or traced thread, without waiting. ECHILD: there are none left.
Result<std::optional<TraceStop>> next_stop();

/// A system call that a stopped thread enters, or its answer.
struct CallStop {
    bool entry = false;
    /// Entry: AUDIT_ARCH_..., the number and the arguments.
    std::uint32_t architecture = 0;
    std::uint64_t number = 0;
    std::array<std::uint64_t, 6> arguments{};
    /// Exit: the result, or minus an errno value.
    std::int64_t result = 0;
    /// Where the thread is.
    std::uint64_t instruction = 0;
};

/// PTRACE_GET_SYSCALL_INFO (Linux 5.3).
Result<CallStop> call_at(pid_t tid);

/// Bytes at `address` of a traced thread, as many as are there up to the buffer's size.
std::size_t read_memory(pid_t tid, std::uint64_t address, std::span<std::byte> into);

/// A duplicate of descriptor `fd` of the process `pid` (pidfd_getfd(2)).
Result<UniqueFd> copy_descriptor(pid_t pid, int fd);

/// The classic BPF program of filter `index` of a stopped thread, the oldest first
/// (PTRACE_SECCOMP_GET_FILTER: root, and a kernel with CONFIG_CHECKPOINT_RESTORE). ENOENT: there is
/// none.
Result<std::vector<std::uint64_t>> filter_of(pid_t tid, unsigned index);

} // namespace stead::sys
